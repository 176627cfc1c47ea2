"""`context.native` on Azure Functions: what the host tells of an invocation, and its output bindings."""

from posix import environ

from polyfn_azure.runtime.transport import HOST_VERSION, INVOCATION_ID, MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.outputs import Outputs


def variable(name: str) -> str | None:
    """Return a variable of the environment, None where it is empty or not set."""
    value = environ.get(name.encode())
    return value.decode("utf-8", "replace") if value else None


class Native:
    """Facts of an invocation. What the host did not tell is None.

    | attribute | content |
    |---|---|
    | `invocation_id` | the host's id of this invocation |
    | `host_version` | the host's version, such as `4.1041.0.0` |
    | `request` | the `polyfn.Request` as the host made it: of an envelope, its POST |
    | `invocation` | the envelope, `data` and `metadata` as they came; None for HTTP that was passed on |
    | `outputs` | output bindings by name: `outputs["audit"] = b"..."` |
    | `identities` | who called, as the host knows it, of HTTP in the envelope |
    | `retry_count`, `max_retry_count` | how often the host ran this again, and may: with `retry` |
    | `site`, `instance`, `deployment` | `WEBSITE_SITE_NAME`, `_INSTANCE_ID`, `_DEPLOYMENT_ID` |

    `invocation.metadata` may say whatever the sender of a JSON message likes: the host copies the
    message's fields over its own. Only what `event` and `context` have is told by the host alone.
    """

    __slots__ = ("_declared", "_outputs", "function", "invocation", "request")

    def __init__(self, request: "Any" = None) -> None:
        self.request = request
        self.invocation: Invocation | None = None
        self.function: str | None = None
        self._declared: dict[str, str] = {}
        self._outputs: Outputs | None = None

    def take(self, invocation: "Invocation", declared: "dict[str, str]") -> None:
        """Become the facts of this invocation; `declared` are its function's outputs, name to type."""
        self.invocation = invocation
        self.function = invocation.name
        self._declared = declared

    @property
    def invocation_id(self) -> str | None:
        """The host's id of this invocation."""
        return self._header(INVOCATION_ID) or self._header(MARK)

    @property
    def host_version(self) -> str | None:
        """The host's version."""
        return self._header(HOST_VERSION)

    def _header(self, name: str) -> str | None:
        found: str | None = None if self.request is None else self.request.headers.get(name)
        return found

    @property
    def outputs(self) -> "Outputs":
        """The invocation's output bindings."""
        if self._outputs is None:
            from polyfn_azure.runtime.outputs import Outputs

            self._outputs = Outputs(self.function or "this function", self._declared)
        return self._outputs

    @property
    def written(self) -> "dict[str, Any] | None":
        """The outputs that were set, encoded; None if there are none."""
        return None if self._outputs is None else self._outputs.encoded or None

    @property
    def identities(self) -> "list[Any]":
        """The caller's claims as the host found them; empty for what is no HTTP in the envelope."""
        from polyfn_azure.runtime.http_in import NAME

        told = None if self.invocation is None else self.invocation.data.get(NAME)
        found = told.get("Identities") if isinstance(told, dict) else None
        return found if isinstance(found, list) else []

    @property
    def retry_count(self) -> int | None:
        """How often the host has run this invocation again: 0 the first time."""
        return self._retry("RetryCount")

    @property
    def max_retry_count(self) -> int | None:
        """How often the host may; -1 is without end."""
        return self._retry("MaxRetryCount")

    def _retry(self, name: str) -> int | None:
        value = self._genuine("RetryContext").get(name)
        return value if type(value) is int else None

    def _genuine(self, name: str) -> "dict[str, Any]":
        """An object of the metadata, empty unless the host alone can have written it."""
        data = {} if self.invocation is None else self.invocation.data
        if self.invocation is None or len(data) != 1:
            return {}
        from polyfn_azure.runtime import values
        from polyfn_azure.runtime.envelope import EnvelopeError
        from polyfn_azure.runtime.metadata import Facts

        try:
            return Facts(self.invocation, values.read(next(iter(data.values())), "Data")).mapping(name)
        except EnvelopeError:
            return {}

    @property
    def site(self) -> str | None:
        """The function app's name."""
        return variable("WEBSITE_SITE_NAME")

    @property
    def instance(self) -> str | None:
        """The id of the machine's instance."""
        return variable("WEBSITE_INSTANCE_ID")

    @property
    def deployment(self) -> str | None:
        """The platform's id of the deployment slot."""
        return variable("WEBSITE_DEPLOYMENT_ID")

    def __repr__(self) -> str:
        return f"<Native {self.invocation_id} of {self.function}>"
