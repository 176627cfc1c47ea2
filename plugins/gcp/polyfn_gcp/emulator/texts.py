"""The platform's own lines in the log.

Those of requests are documented (https://cloud.google.com/run/docs/troubleshooting); those of containers
are as users quote them from their logs.
"""

import math

from polyfn.toolchain.emulation.process import Exit

NOT_STARTED = "The request failed because the instance could not start successfully."
NO_INSTANCE = "The request was aborted because there was no available instance."
MALFORMED = (
    "The request failed because either the HTTP response was malformed or connection to the instance "
    "had an error."
)
TOO_MUCH_MEMORY = (
    "While handling this request, the container instance was found to be using too much memory and was "
    "terminated. This is likely to cause a new container instance to be used for the next request to this "
    "revision."
)
TIMED_OUT = (
    "The request has been terminated because it has reached the maximum request timeout. To change this "
    "limit, see https://cloud.google.com/run/docs/configuring/request-timeout"
)
TRUNCATED = (
    "Truncated response body. Usually implies that the request timed out or the application exited before "
    "the response was finished."
)
TOO_LARGE = "Response size was too large. Please consider reducing response size."
FAILED_TO_START = (
    "Container failed to start. Failed to start and then listen on the port defined by the PORT "
    "environment variable."
)


def exit_line(ended: Exit) -> str:
    """Container called exit(1)."""
    if ended.signal is not None:
        return f"Container terminated on signal {ended.signal}."
    return f"Container called exit({ended.code})."


def probe_line(service: str, port: int, failure: str | None = None) -> str:
    """Default STARTUP TCP probe succeeded ..., or failed with the status `failure`."""
    of = f'for container "{service}-1" on port {port}.'
    if failure is None:
        return f"Default STARTUP TCP probe succeeded after 1 attempt {of}"
    return (
        f"Default STARTUP TCP probe failed 1 time consecutively {of} The instance was not started. "
        f"Connection failed with status {failure}."
    )


def memory_line(limit: int, used: int) -> str:
    """Memory limit of 512 MiB exceeded ...; `limit` is MiB, `used` bytes."""
    return (
        f"Memory limit of {limit} MiB exceeded with {math.ceil(used / (1 << 20))} MiB used. Consider "
        "increasing the memory limit, see https://cloud.google.com/run/docs/configuring/memory-limits"
    )


def task_timeout_line(timeout: float) -> str:
    """Terminating task because ..."""
    return f"Terminating task because it has reached the maximum timeout of {timeout:g} seconds."
