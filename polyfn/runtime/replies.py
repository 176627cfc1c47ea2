"""From a handler's result, or what it raised, to an HTTP reply. Every HTTP provider shares this."""

from polyfn.errors import DeadlineError, PayloadError, ResultError
from polyfn.http import Headers, HTTPError, Response
from polyfn.outcomes import Drop, Retry
from polyfn.runtime import json, logs, routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from polyfn.context import Context
    from polyfn.http import Request
    from polyfn.invoke import Invoker

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"
LINES = "application/x-ndjson"
PROBLEM = "application/problem+json"

#: Statuses whose replies end at their headers (RFC 9110, 6.4.1): a body would be read as the next reply.
BODILESS = frozenset((204, 205, 304))

_END: "Any" = object()


class Reply:
    """What goes to the client: `status`, `headers`, and either `body` or, where not None, `stream`.

    A stream is an iterator of bytes; in a server (`serving`), where a loop runs, an async one.
    """

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(
        self,
        status: int,
        headers: Headers,
        body: bytes = b"",
        stream: "Any" = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.stream = stream

    def read(self) -> bytes:
        """Return the whole body, for a platform that cannot stream."""
        if self.stream is not None:
            self.body = b"".join(self.stream)
            self.stream = None
        return self.body


def serve(invoker: "Invoker", request: "Request[Any]", context: "Context") -> Reply:
    """Route, call, and turn whatever happens into a reply. Failures are logged and never raised."""
    trigger = invoker.declaration.trigger
    try:
        reply = _refuse(trigger, request) or from_result(
            invoker.call(request, context), until=context.deadline
        )
    except Exception as error:  # noqa: BLE001  every failure of a handler is a reply
        reply = from_error(error)
        report(error, reply, context)
    if request.method == "HEAD":
        # The headers are those of the GET; the body is not (RFC 9110, 9.3.2).
        if reply.stream is not None:
            _close(reply.stream)
            reply.stream = None
        elif reply.body and "content-length" not in reply.headers:
            reply.headers.add("content-length", len(reply.body))
        reply.body = b""
    return reply


def _refuse(trigger: "Any", request: "Request[Any]") -> Reply | None:
    """Answer 404, 405 or OPTIONS for what the trigger's route or method does not take; fill in the params."""
    params = routes.match(getattr(trigger, "route", None), request.raw_path)
    if params is None:
        return problem(404)
    request.params.update(params)
    method = getattr(trigger, "method", None)
    if method is None or request.method == method or (method == "GET" and request.method == "HEAD"):
        return None
    allowed = "GET, HEAD" if method == "GET" else method
    if request.method == "OPTIONS":
        return Reply(204, Headers({"allow": f"{allowed}, OPTIONS"}))
    return problem(405, headers=Headers({"allow": allowed}))


def from_result(result: "Any", *, until: float | None = None) -> Reply:
    """Make a reply of what a handler returned; `until` bounds an async body, see `aio.iterate`.

    | result | reply |
    |---|---|
    | `Response` | as it says |
    | `(status, body)` | that status |
    | None | 204 without a body |
    | bytes | application/octet-stream |
    | str | text/plain |
    | an iterator | streamed; its first item chooses the type, and may be a `Response` without a body |
    | anything else | JSON; raises ResultError if it has no JSON form |
    """
    if isinstance(result, Reply):
        return result
    body, status, headers = parts(result)
    if status not in BODILESS and hasattr(body, "__aiter__"):
        from polyfn.runtime import aio

        body = aio.iterate(body, until=until)
    return with_body(body, status, headers)


def from_call(result: "Any") -> Reply:
    """Make a reply of what a Call function returned: JSON, unless it is bytes, a stream or a Response."""
    if isinstance(result, (Response, bytes, bytearray, memoryview)) or hasattr(result, "__next__"):
        return from_result(result)
    headers = Headers()
    headers.add("content-type", JSON)
    return Reply(200, headers, json.dumps(result))


def parts(result: "Any") -> "tuple[Any, int, Headers]":
    """Return the body, the status and the headers that a handler's result asks for."""
    if isinstance(result, tuple) and len(result) == 2 and _is_status(result[0]):
        result = Response(result[1], result[0])
    if isinstance(result, Response):
        # A copy: the author may keep one Response and return it again and again.
        return result.body, result.status, Headers(result.headers)
    return result, 204 if result is None else 200, Headers()


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def with_body(body: "Any", status: int, headers: Headers) -> Reply:
    """Make a reply with a body of any kind but an async iterator."""
    if body is None or status in BODILESS:
        _close(body)
        return Reply(status, headers)
    if isinstance(body, str):
        return typed(Reply(status, headers, body.encode("utf-8", "surrogateescape")), TEXT)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return typed(Reply(status, headers, bytes(body)), BINARY)
    if hasattr(body, "__next__"):
        return _streamed(body, status, headers)
    return typed(Reply(status, headers, json.dumps(body)), JSON)


def typed(reply: Reply, content_type: str) -> Reply:
    """Say what the body is, unless the reply does."""
    if "content-type" not in reply.headers:
        reply.headers.add("content-type", content_type)
    return reply


def _streamed(source: "Iterator[Any]", status: int, headers: Headers) -> Reply:
    # The first item is taken here: what fails before anything was sent can still be a clean 500.
    first = next(source, _END)
    if isinstance(first, Response):
        if first.body is not None:
            _close(source)
            raise misopened()
        status, headers = first.status, Headers(first.headers)
        first = next(source, _END)
    if first is _END:
        return Reply(status, headers)
    return streaming(first, status, headers, _Chunks(first, source))


def misopened() -> ResultError:
    """Return the error for a stream whose first item says too much."""
    return ResultError(
        "the Response that a stream begins with has a body",
        hint="yield polyfn.Response(status=..., headers=...) first and the body's pieces after it",
    )


def streaming(first: "Any", status: int, headers: Headers, stream: "Any") -> Reply:
    """Make the reply of a stream, of a type that its first item chooses."""
    if isinstance(first, str):
        content_type = TEXT
    else:
        content_type = BINARY if isinstance(first, (bytes, bytearray, memoryview)) else LINES
    return typed(Reply(status, headers, stream=stream), content_type)


class _Chunks:
    """The pieces of a streamed body as bytes. Closing it closes the handler's generator."""

    __slots__ = ("_first", "_source")

    def __init__(self, first: "Any", source: "Iterator[Any]") -> None:
        self._first = first
        self._source = source

    def __iter__(self) -> "Iterator[bytes]":
        return self

    def __next__(self) -> bytes:
        item, self._first = self._first, _END
        return chunk(next(self._source) if item is _END else item)

    def close(self) -> None:
        """Close the handler's generator."""
        _close(self._source)


def chunk(item: "Any") -> bytes:
    """One streamed piece as bytes: bytes as they are, str as UTF-8, anything else a line of JSON."""
    if isinstance(item, str):
        return item.encode("utf-8", "surrogateescape")
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(item)
    return json.dumps(item) + b"\n"


def _close(source: "Any") -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()


def from_error(error: BaseException) -> Reply:
    """Make a reply of what a handler raised.

    Only an HTTPError's detail and a PayloadError's description of the client's own payload reach
    the client. Every other exception is a 500 that says nothing of what went wrong inside.
    """
    if isinstance(error, HTTPError):
        try:
            return problem(error.status, error.detail, headers=error.headers, **error.extensions)
        except ResultError as misfit:
            # The status still holds; what cannot be written is left out, and said in the log.
            logs.report("ERROR", "an HTTPError cannot be written as JSON", error=misfit)
            return problem(error.status, headers=error.headers)
    if isinstance(error, PayloadError):
        if error.details:
            return problem(422, error.message, errors=error.details)
        return problem(400, error.message)
    if isinstance(error, Retry):
        headers = Headers()
        if error.after is not None:
            # Retry-After counts whole seconds (RFC 9110, 10.2.3).
            headers.add("retry-after", -int(-error.after // 1))
        return problem(503, headers=headers)
    if isinstance(error, Drop):
        return Reply(204, Headers())
    return problem(504 if isinstance(error, DeadlineError) else 500)


def report(error: BaseException, reply: Reply, context: "Context") -> None:
    """Log a failure that became a reply: what the client caused is not an error of ours."""
    if isinstance(error, Drop):
        logs.report("ERROR", f"dropped: {error.reason}", request_id=context.request_id)
    elif isinstance(error, (HTTPError, Retry, PayloadError)):
        if reply.status >= 500:
            logs.report("WARNING", f"answered {reply.status}", request_id=context.request_id)
    else:
        logs.report("ERROR", "the handler failed", error=error, request_id=context.request_id)


def problem(
    status: int, detail: str | None = None, *, headers: Headers | None = None, **extensions: "Any"
) -> Reply:
    """Make a problem+json reply (RFC 9457)."""
    body: dict[str, Any] = {"type": "about:blank", "title": phrase(status), "status": status}
    if detail is not None:
        body["detail"] = detail
    body.update(extensions)
    headers = Headers(headers)
    if "content-type" not in headers:
        headers.add("content-type", PROBLEM)
    return Reply(status, headers, json.dumps(body))


#: The usual ones; the others are in a module whose import would delay the first error of a process.
_PHRASES = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
    500: "Internal Server Error", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


def phrase(status: int) -> str:
    """Return the standard reason phrase of a status, or what its class means."""
    usual = _PHRASES.get(status)
    if usual is not None:
        return usual
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Error" if status < 500 else "Server Error"
