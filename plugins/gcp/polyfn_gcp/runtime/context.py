"""From a request's headers to polyfn's Context."""

from posix import urandom
from time import time

from polyfn.context import Context
from polyfn.runtime.trace import Trace, parse_traceparent
from polyfn_gcp.runtime.native import variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.http import Request

#: Seconds that Cloud Run gives a request unless the service is set otherwise
#: (https://cloud.google.com/run/docs/configuring/request-timeout).
TIMEOUT = 300

_HEX = frozenset("0123456789abcdef")


def maker(function: str, settings: "dict[str, Any]") -> "Callable[[Request[Any]], Context]":
    """Return what makes the Context of each request; `function` is its name until one is chosen.

    The environment is read once, since the platform sets it once. The deadline counts from now, for
    Cloud Run does not tell when it began to.
    """
    version = variable("K_REVISION")
    timeout = timeout_of(settings)
    cold = True

    def make(request: "Request[Any]") -> Context:
        nonlocal cold
        first, cold = cold, False
        trace = trace_of(request)
        return Context(
            request_id=urandom(16).hex() if trace is None else trace.trace_id,
            function=function,
            provider="gcp",
            version=version,
            region=region,
            deadline=time() + timeout,
            cold_start=first,
            trace=trace,
            native=lambda: _native(request),
        )

    return make


def timeout_of(settings: "dict[str, Any]") -> float:
    """Seconds per request: what Cloud Run says of a function, else the setting `timeout`."""
    told = variable("CLOUD_RUN_TIMEOUT_SECONDS") or ""
    try:
        seconds = float(told)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        seconds = float(settings.get("timeout") or TIMEOUT)
    return seconds


def _native(request: "Request[Any]") -> "Any":
    from polyfn_gcp.runtime.native import Native

    return Native(request)


def trace_of(request: "Request[Any]") -> Trace | None:
    """Return the caller's span, in W3C's header or else in Google's own; None if neither is valid."""
    headers = request.headers
    parent = headers.get("traceparent")
    if parent is not None:
        found = parse_traceparent(parent, headers.get("tracestate"))
        if found is not None:
            return found
    own = headers.get("x-cloud-trace-context")
    return None if own is None else parse_cloud_trace(own)


def parse_cloud_trace(header: str) -> Trace | None:
    """Read `TRACE_ID[/SPAN_ID][;o=OPTIONS]`, in which the span is decimal; None if it is not valid.

    https://cloud.google.com/trace/docs/trace-context
    """
    name, _, options = header.strip().partition(";")
    trace_id, _, span = name.partition("/")
    trace_id = trace_id.lower()
    if len(trace_id) != 32 or not _HEX.issuperset(trace_id) or trace_id == "0" * 32:
        return None
    # 20 digits are all that 64 bits can have; an int of a longer text may be slow to make.
    number = int(span) if span.isascii() and span.isdecimal() and len(span) <= 20 else 0
    span_id = f"{number:016x}" if 0 < number < 1 << 64 else None
    flags = options.strip().removeprefix("o=")
    return Trace(trace_id, span_id, sampled=flags.isdecimal() and bool(int(flags[:9]) & 1))


_region: str | None = None


def region() -> str | None:
    """Return the region from the metadata server, which is asked once and only if somebody asks.

    None where there is no such server, as on one's own machine; then it is asked again.
    """
    global _region
    if _region is None:
        # `projects/123/regions/europe-west1`
        _region = (_metadata("instance/region") or "").rpartition("/")[2] or None
    return _region


def _metadata(path: str) -> str | None:
    """Ask the metadata server (https://cloud.google.com/run/docs/container-contract#metadata-server)."""
    from http.client import HTTPConnection, HTTPException

    server = HTTPConnection(variable("GCE_METADATA_HOST") or "metadata.google.internal", timeout=1)
    try:
        server.request("GET", f"/computeMetadata/v1/{path}", headers={"Metadata-Flavor": "Google"})
        answer = server.getresponse()
        said = answer.read(1000).decode("ascii", "replace").strip()
        return said if answer.status == 200 and answer.getheader("Metadata-Flavor") == "Google" else None
    except (OSError, HTTPException):
        return None
    finally:
        server.close()
