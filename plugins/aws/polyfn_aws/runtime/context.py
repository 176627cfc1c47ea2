"""From the headers of GET /next to polyfn's Context."""

from polyfn.context import Context
from polyfn.errors import PolyfnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.runtime.trace import Trace

#: Fields of client context key `w3c` that are passed on; every other is ignored.
W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class ContextError(PolyfnError):
    """The platform sent a header of an invocation that cannot be read."""

    code = "PF320"


def maker(function: str, environ: "dict[bytes, bytes]") -> "Callable[[dict[str, str]], Context]":
    """Return what makes the Context of each invocation of `function` from its headers.

    The environment is read once, since the platform sets it once. The maker raises ContextError
    for a deadline, a client context or a Cognito identity that cannot be read.
    """
    region = environ.get(b"AWS_REGION") or environ.get(b"AWS_DEFAULT_REGION")
    version = environ.get(b"AWS_LAMBDA_FUNCTION_VERSION")
    region_name = None if region is None else region.decode()
    version_name = None if version is None else version.decode()
    cold = True

    def make(headers: "dict[str, str]") -> Context:
        nonlocal cold
        first, cold = cold, False
        client = identity = None
        if "lambda-runtime-client-context" in headers:
            client = _json_object(headers["lambda-runtime-client-context"], "client context")
        if "lambda-runtime-cognito-identity" in headers:
            identity = _json_object(headers["lambda-runtime-cognito-identity"], "Cognito identity")
        deadline = headers.get("lambda-runtime-deadline-ms")
        w3c = None if client is None else _take_w3c(client)
        return Context(
            request_id=headers["lambda-runtime-aws-request-id"],
            function=function,
            provider="aws",
            version=version_name,
            region=region_name,
            deadline=None if deadline is None else _seconds(deadline),
            cold_start=first,
            trace=_tracer(headers.get("lambda-runtime-trace-id"), w3c),
            native=lambda: _native(headers, client, identity, w3c),
        )

    return make


def _native(
    headers: "dict[str, str]",
    client: "dict[str, Any] | None",
    identity: "dict[str, Any] | None",
    w3c: "dict[str, str] | None",
) -> "Any":
    from polyfn_aws.runtime.native import Native

    return Native(headers, client, identity, w3c or {})


def _seconds(milliseconds: str) -> float:
    try:
        deadline = float(int(milliseconds)) / 1000
    except (ValueError, OverflowError):
        what = f"the platform sent {milliseconds[:40]!r} for the invocation's deadline"
        raise ContextError(f"{what}; expected milliseconds since the epoch") from None
    return deadline


def _json_object(header: str, what: str) -> "dict[str, Any] | None":
    from polyfn.runtime import json

    try:
        value = json.loads(header)
    except ValueError as error:
        raise ContextError(f"the invocation's {what} is not JSON: {error}") from None
    if value is not None and not isinstance(value, dict):
        raise ContextError(f"the invocation's {what} is JSON, but no object")
    return value


def _take_w3c(client: "dict[str, Any]") -> "dict[str, str] | None":
    """Take the trace context out of a client context, where the platform puts it since mid-2026."""
    fields = client.pop("w3c", None)
    if not isinstance(fields, dict):
        return None
    return {name: fields[name] for name in W3C_FIELDS if isinstance(fields.get(name), str)}


def _tracer(xray: str | None, w3c: "dict[str, str] | None") -> "Callable[[], Trace | None] | None":
    if xray is None and not w3c:
        return None

    def trace() -> "Trace | None":
        from polyfn.runtime.trace import parse_traceparent, parse_xray

        found = None
        if w3c and "traceparent" in w3c:
            found = parse_traceparent(w3c["traceparent"], w3c.get("tracestate"))
        if found is None and xray is not None:
            found = parse_xray(xray)
        return found

    return trace
