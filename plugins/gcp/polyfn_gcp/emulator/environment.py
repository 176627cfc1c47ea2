"""The environment variables of a container: the image's, the user's, and those of the platform."""

import math

from polyfn.toolchain.errors import UsageError
from polyfn_gcp.emulator.configuration import Configuration, Task
from polyfn_gcp.settings import RESERVED


def service_environment(configuration: Configuration, port: int) -> dict[str, str]:
    """Return the variables of an instance of a service that has to listen on `port`."""
    return {
        **_common(configuration),
        "PORT": str(port),
        "K_SERVICE": configuration.service,
        "K_REVISION": configuration.revision,
        "K_CONFIGURATION": configuration.service,
        "CLOUD_RUN_TIMEOUT_SECONDS": str(math.ceil(configuration.timeout)),
    }


def job_environment(
    configuration: Configuration, task: Task, *, execution: str, index: int, attempt: int
) -> dict[str, str]:
    """Return the variables of one attempt at one task of a job. There is no PORT."""
    return {
        **_common(configuration),
        "CLOUD_RUN_JOB": configuration.service,
        "CLOUD_RUN_EXECUTION": execution,
        "CLOUD_RUN_TASK_INDEX": str(index),
        "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
        "CLOUD_RUN_TASK_COUNT": str(task.count),
    }


def _common(configuration: Configuration) -> dict[str, str]:
    image = {name: value for name, value in configuration.container.environment.items() if name != "PORT"}
    # The function that was chosen on the command line, as a buildpack's image would name it.
    target = {"FUNCTION_TARGET": configuration.target} if configuration.target else {}
    return {"HOME": configuration.container.home(), **image, **target, **configuration.environment}


def refuse_reserved(configuration: Configuration) -> None:
    """Raise UsageError if the configured variables hold a name that Cloud Run keeps for itself."""
    for name in configuration.environment:
        if RESERVED.fullmatch(name):
            raise UsageError(
                f"the environment variable {name} is reserved by Cloud Run", hint="give it another name"
            )
