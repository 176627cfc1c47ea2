"""`context.native` on Cloud Run: the request's headers, and what the environment says of the process."""

from posix import environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.http import Headers


def variable(name: str) -> str | None:
    """Return a variable of the environment, None where it is empty or not set."""
    value = environ.get(name.encode())
    return value.decode("utf-8", "replace") if value else None


def _number(name: str) -> int | None:
    value = variable(name) or ""
    return int(value) if value.isdecimal() else None


class Native:
    """Facts of a service's request or of a job's task. What Cloud Run did not tell is None.

    | attribute | content |
    |---|---|
    | `request` | the `polyfn.Request` as it came, whatever it holds; None in a job |
    | `headers` | its headers; None in a job |
    | `service`, `revision`, `configuration` | `K_SERVICE`, `K_REVISION`, `K_CONFIGURATION` |
    | `project` | `GOOGLE_CLOUD_PROJECT` |
    | `job`, `execution` | `CLOUD_RUN_JOB`, `CLOUD_RUN_EXECUTION` |
    | `task_index`, `task_count`, `task_attempt` | `CLOUD_RUN_TASK_INDEX`, `_COUNT`, `_ATTEMPT`, from 0 on |
    """

    def __init__(self, request: "Any" = None) -> None:
        self.request = request
        self.headers: Headers | None = None if request is None else request.headers
        self.service = variable("K_SERVICE")
        self.revision = variable("K_REVISION")
        self.configuration = variable("K_CONFIGURATION")
        self.project = variable("GOOGLE_CLOUD_PROJECT")
        self.job = variable("CLOUD_RUN_JOB")
        self.execution = variable("CLOUD_RUN_EXECUTION")
        self.task_index = _number("CLOUD_RUN_TASK_INDEX")
        self.task_count = _number("CLOUD_RUN_TASK_COUNT")
        self.task_attempt = _number("CLOUD_RUN_TASK_ATTEMPT")

    def __repr__(self) -> str:
        return f"<Native of {self.service or self.job}>"
