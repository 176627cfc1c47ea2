"""From a request's headers to polyfn's Context."""

from posix import urandom
from time import time

from polyfn.context import Context
from polyfn.runtime.trace import parse_traceparent
from polyfn_azure.runtime.native import Native, variable
from polyfn_azure.runtime.transport import INVOCATION_ID, MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.http import Request
    from polyfn.runtime.trace import Trace

#: Seconds that the host gives an invocation unless the app is set otherwise: functionTimeout.
TIMEOUT = 300.0
#: The app setting that wins over host.json
#: (https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values).
OVERRIDE = "AzureFunctionsJobHost__functionTimeout"


def maker(function: str, settings: "dict[str, Any]") -> "Callable[[Request[Any]], Context]":
    """Return what makes the Context of each request; `function` is its name until one is chosen.

    The environment is read once, since the host sets it once. The deadline counts from now, for the
    host does not tell when it began to. No variable tells the version of what is deployed.
    """
    region = variable("REGION_NAME")
    timeout = timeout_of(settings)
    cold = True

    def make(request: "Request[Any]") -> Context:
        nonlocal cold
        first, cold = cold, False
        headers = request.headers
        return Context(
            # The same id is in both. A client may write the mark of a request that is forwarded: it then
            # has chosen what its own lines in the log are called, and nothing else.
            request_id=headers.get(MARK) or headers.get(INVOCATION_ID) or urandom(16).hex(),
            function=function,
            provider="azure",
            region=region,
            deadline=None if timeout is None else time() + timeout,
            cold_start=first,
            trace=lambda: trace_of(request),
            native=Native(request),
        )

    return make


def timeout_of(settings: "dict[str, Any]") -> float | None:
    """Seconds per invocation: what the app setting says, else the setting `timeout`; None is no limit."""
    told = variable(OVERRIDE)
    if told is not None:
        if told.strip() == "-1":
            return None
        seconds = seconds_of(told)
        if seconds is not None:
            return seconds
    return float(settings.get("timeout") or TIMEOUT)


def seconds_of(span: str) -> float | None:
    """Read a .NET time span, `[days.]hours:minutes:seconds`; None for what is none, or none above 0."""
    days, _, clock = span.strip().rpartition(".")
    parts = [days or "0", *clock.split(":")]
    if len(parts) != 4 or not all(part.isascii() and part.isdecimal() and len(part) < 9 for part in parts):
        return None
    day, hour, minute, second = map(int, parts)
    return float(((day * 24 + hour) * 60 + minute) * 60 + second) or None


def trace_of(request: "Request[Any]") -> "Trace | None":
    """Return the caller's span, None if there is none that is valid."""
    headers = request.headers
    parent = headers.get("traceparent")
    return None if parent is None else parse_traceparent(parent, headers.get("tracestate"))
