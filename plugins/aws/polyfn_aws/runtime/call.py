"""`Call`: JSON in, JSON out, by direct invoke and over HTTP alike.

This is the hot path: a direct payload becomes one Event, one call and one JSON text.
"""

from polyfn.events import Event
from polyfn.runtime import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from polyfn.context import Context
    from polyfn.invoke import Invoker
    from polyfn_aws.runtime.dispatch import Dispatch, Reply, Serve


def caller(invoker: "Invoker", settings: "dict[str, object]") -> "Dispatch":
    """Return the dispatcher of a Call function.

    Lambda hands a payload over as JSON unless the caller named another content type; such a payload
    is only for handlers that take bytes or the event, and raises PayloadError for the others.
    """
    call = invoker.call
    binding = invoker.binding
    streams = binding.style in ("generator", "async generator")
    wants_json = binding.arity > 0 and binding.level not in ("bytes", "event")
    dumps = json.dumps
    over_http: Serve | None = None

    def dispatch(body: bytes, content_type: str, context: "Context") -> "Reply":
        nonlocal over_http
        if content_type != "application/json" and content_type:
            if wants_json:
                raise _no_json(content_type)
            event: Event[Any] = Event(raw=body, content_type=content_type)
        # A search through bytes is all that a direct payload pays for HTTP.
        elif b'"requestContext"' in body:
            event = Event(raw=body, content_type=content_type or None)
            envelope = _envelope(event)
            if envelope is not None:
                if over_http is None:
                    from polyfn_aws.runtime.http import call_server

                    over_http = call_server(invoker, settings)
                return over_http(envelope, context)
        else:
            event = Event(raw=body, content_type=content_type or None)
        result = call(event, context)
        if streams:
            return _stream(result)
        if isinstance(result, (bytes, bytearray, memoryview)):
            from polyfn_aws.runtime.answers import Answer

            return Answer(bytes(result), "application/octet-stream")
        return dumps(result)

    return dispatch


def _envelope(event: "Event[Any]") -> "Any":
    """Return the decoded HTTP envelope, or None if the payload is the caller's own."""
    from polyfn.errors import PayloadError
    from polyfn_aws.runtime.verify import http_form

    try:
        payload = event.payload
    except PayloadError:
        return None  # a handler of bytes takes it; for any other the binding raises this again
    if http_form(payload) is None:
        return None
    return payload


def _no_json(content_type: str) -> Exception:
    from polyfn.errors import PayloadError

    return PayloadError(
        f"the payload's content type is {content_type}; the handler takes JSON",
        hint="annotate the handler's first parameter as bytes to take any payload",
    )


def _stream(chunks: "Iterator[Any]") -> "Reply":
    """Stream what a generator yields: bytes and text as they are, all else as lines of JSON.

    The first chunk chooses the content type. Waiting for it costs nothing, for nothing could be sent
    before it, and makes an error before it an ordinary failure of the invocation.
    """
    from polyfn.runtime.replies import BINARY, from_result
    from polyfn_aws.runtime.answers import Answer, Streamed

    reply = from_result(chunks)
    if reply.stream is None:
        return Answer(b"", BINARY)
    return Streamed(reply.headers.get("content-type") or BINARY, b"", reply.stream)
