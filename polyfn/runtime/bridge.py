"""From a Request to an ASGI application and back to a Response: one `Exchange` per request.

The application runs in a task of its own from its call to its end, because the cancel scopes and
context variables that it enters must be left in the same one. The handler returns as soon as the reply
is known; what the application does after that, background tasks above all, is deferred work.

The protocol is https://asgi.readthedocs.io/en/stable/specs/www.html, HTTP at version 2.4: `send` raises
OSError once the client is gone.
"""

import asyncio

from polyfn.errors import ResultError
from polyfn.http import Headers, Response
from polyfn.runtime import aio, logs
from polyfn.runtime.replies import BODILESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, MutableMapping
    from typing import Any, NoReturn

    from polyfn.applications import Application
    from polyfn.context import Context
    from polyfn.http import Request

    Message = MutableMapping[str, Any]


class Exchange:
    """One request and its reply: an awaitable of the Response, and what the application talks to.

    Awaiting it raises what the application raised before its reply was known, and ResultError for
    messages that came out of order. A cancellation is passed on to the application, and its end is
    waited for. A streamed reply has an async iterator as its body.

    | attribute | content |
    |---|---|
    | `complete` | the application has sent its last body message |
    | `ended` | the application has returned or raised; `error` is what it raised |
    | `gone` | the client does not want the rest |
    """

    __slots__ = (
        "_app", "_chunks", "_context", "_fault", "_headers", "_known", "_moved", "_request", "_requested",
        "_sink", "_state", "_status", "_task", "_whole", "complete", "ended", "error", "gone",
    )  # fmt: skip

    _known: asyncio.Future[None]
    _task: asyncio.Task[None]

    def __init__(
        self, app: "Application", request: "Request[Any]", context: "Context", state: "dict[str, Any]"
    ) -> None:
        self.complete = False
        self.ended = False
        self.gone = False
        self.error: BaseException | None = None
        self._app = app
        self._request = request
        self._context = context
        self._state = state
        self._requested = False
        self._status = 0
        self._headers = Headers()
        #: The body of a reply that does not stream, or None while there is none.
        self._whole: bytes | None = None
        #: What a stream's reader has not taken yet, or None if the reply does not stream.
        self._chunks: list[bytes] | None = None
        #: Whether further body messages are dropped: the reply is whole, or may not have a body.
        self._sink = False
        self._fault: ResultError | None = None
        #: Set whenever something changed that somebody may be waiting for.
        self._moved: asyncio.Event | None = None

    # For the handler's side.

    def __await__(self) -> "Generator[Any, None, Response]":
        return self._wait().__await__()

    async def _wait(self) -> Response:
        try:
            await self.begin(asyncio.get_running_loop())
        except asyncio.CancelledError:
            await self.cancel()
            raise
        return self.result()

    def begin(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """Start the application. The future is done when `result` has something to say."""
        self._known = loop.create_future()
        self._task = loop.create_task(self._drive())
        return self._known

    def expire(self, error: BaseException) -> None:
        """Cancel the application; `error` is raised by `result` if it has no reply by then."""
        self.error = error
        self.gone = True
        self._task.cancel()

    def result(self) -> Response:
        """Return the reply. Raises what the application raised if it has none."""
        if self._chunks is not None:
            body: Any = Chunks(self)
        elif self._whole is None:
            raise self._failure()
        else:
            # No body at all, rather than an empty one, for which a type would be made up.
            body = self._whole or None
        response = Response(body, self._status, self._headers)
        if not self.ended:
            self._context.defer(self._finish)
        elif self.error is not None and (self.complete or self._chunks is None):
            # Frameworks raise on, once they have answered with their own 500, for servers to log it.
            error, self.error = self.error, None
            logs.report("ERROR", "the application failed", error=error, request_id=self._context.request_id)
        return response

    def _failure(self) -> BaseException:
        """What to say of an application that ended before its reply did. It is said but once."""
        error, self.error = self.error, None
        return (
            error
            or self._fault
            or ResultError(
                "the application returned before its reply was complete",
                hint="it must send http.response.start, and http.response.body until more_body is false",
            )
        )

    async def cancel(self) -> None:
        """Cancel the application, which learns that its client is gone, and wait for its end."""
        self.gone = True
        self._tell()
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _finish(self) -> None:
        """Wait for the application's end. Raises what it raised after its reply."""
        if not self._task.done():
            try:
                await asyncio.wait((self._task,))
            except asyncio.CancelledError:
                await self.cancel()
                raise
        if self.error is not None:
            raise self._failure()

    async def next(self) -> bytes:
        """Return a stream's next chunk. Raises StopAsyncIteration, or what the application raised."""
        chunks = self._chunks
        assert chunks is not None
        while not chunks:
            if self.complete:
                raise StopAsyncIteration
            if self.ended:
                raise self._failure()
            await self._change()
        chunk = chunks.pop(0)
        self._tell()
        return chunk

    # The application's task.

    async def _drive(self) -> None:
        try:
            scope = scope_of(self._request, self._context, self._state)
            await self._app(scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001  it is raised where the reply is asked for
            # What it raises because its client is gone is no failure.
            if not self.gone:
                self.error = self._fault or error
        except asyncio.CancelledError:
            if self.gone:
                raise
            self.error = aio.cancelled_within()
        finally:
            self.ended = True
            self._tell()

    def _tell(self) -> None:
        if not self._known.done() and (self.ended or self._whole is not None or self._chunks is not None):
            self._known.set_result(None)
        if self._moved is not None:
            self._moved.set()

    async def _change(self) -> None:
        """Wait until something has changed."""
        if self._moved is None:
            self._moved = asyncio.Event()
        self._moved.clear()
        await self._moved.wait()

    # What the application is given.

    async def receive(self) -> "Message":
        """Return the request's body, whole; and at the end of the exchange that the client is gone."""
        if not self._requested:
            self._requested = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        while not (self.complete or self.gone):
            await self._change()
        return {"type": "http.disconnect"}

    async def send(self, message: "Message") -> None:
        """Take one message of the reply. Waits where a stream's reader is behind.

        Raises ResultError for a message that may not come now, and OSError if the client is gone.
        """
        kind = message["type"]
        if self._fault is not None:
            raise self._fault
        self._check_client()
        if kind == "http.response.body" and self._status and not self.complete:
            await self._take(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start" and not self._status:
            self._start(message)
        else:
            self._refuse(kind)

    def _start(self, message: "Message") -> None:
        pairs = message.get("headers", ())
        # What cannot be sent is the application's mistake, raised where it was made.
        headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs])
        status = Response(None, message["status"]).status
        self._headers, self._status = headers, status
        self._sink = status in BODILESS

    def _refuse(self, kind: str) -> "NoReturn":
        if self.complete:
            when = "after its reply was complete"
        else:
            when = "after http.response.start" if self._status else "before http.response.start"
        fault = ResultError(f"the application sent {kind} {when}")
        if not self.complete:
            # Kept: an application that swallows it has no reply all the same.
            self._fault = fault
        raise fault

    async def _take(self, body: "bytes | bytearray | memoryview", more: bool) -> None:
        if not isinstance(body, bytes):
            # Not bytes(body): of an integer that would be so many zeros.
            body = bytes(memoryview(body))
        self.complete = not more
        if self._whole is None and self._chunks is None:
            self._first(body, more)
        self._tell()
        if self._chunks is not None:
            await self._pass_on(body, self._chunks)

    def _first(self, body: bytes, more: bool) -> None:
        """The first body message decides whether the reply streams.

        It does not where all of the body is there already, as its length says: middleware that
        rewrites replies announces more to come and then sends nothing.
        """
        if more and not self._sink:
            if not self._is_all(body):
                self._chunks = []
                return
            self._sink = True
        self._whole = b"" if self._status in BODILESS else body

    def _is_all(self, body: bytes) -> bool:
        return self._headers.get("content-length") == str(len(body))

    async def _pass_on(self, body: bytes, chunks: list[bytes]) -> None:
        """Hand a chunk to the stream's reader, and wait until it was taken."""
        if body:
            chunks.append(body)
            self._tell()
        while chunks and not self.complete:
            await self._change()
            self._check_client()

    def _check_client(self) -> None:
        if self.gone:
            raise OSError("the client is gone")


class Chunks:
    """A streamed body. To close it before its end cancels the application."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> "Chunks":
        return self

    async def __anext__(self) -> bytes:
        return await self._exchange.next()

    async def aclose(self) -> None:
        """Cancel the application unless it has sent the last of the body."""
        if not self._exchange.complete:
            await self._exchange.cancel()


def scope_of(request: "Request[Any]", context: "Context", state: "dict[str, Any]") -> "dict[str, Any]":
    """Return the connection scope of a request.

    | key | content |
    |---|---|
    | `path`, `raw_path` | with `root_path` in front, as ASGI has it; decoded, and as it was sent |
    | `root_path` | what stage and base path took off, decoded |
    | `client` | the address; its port is 0, since no platform tells it |
    | `state` | a copy of the lifespan's |
    | `polyfn` | `{"event": request, "context": context}`; the vendor's own are at their `.native` |
    """
    # Where the platform does not say, it is https: none of them takes anything else from outside.
    scheme = request.scheme or "https"
    root = request.base_path
    path = request.path
    raw_path = request.raw_path
    if root:
        raw_path = root + raw_path
        path = _decoded(root) + path
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": scheme,
        "path": path,
        "raw_path": raw_path.encode("utf-8", "surrogateescape"),
        "query_string": request.raw_query.encode("utf-8", "surrogateescape"),
        "root_path": _decoded(root),
        "headers": [(name.lower().encode("latin-1"), _encoded(value)) for name, value in request.headers],
        "client": None if request.client is None else (request.client, 0),
        "server": _server(request.host, scheme),
        "state": state.copy(),
        "extensions": {},
        "polyfn": {"event": request, "context": context},
    }


def _decoded(path: str) -> str:
    if "%" not in path:
        return path
    from polyfn.runtime.percent import unquote

    return unquote(path)


def _encoded(value: str) -> bytes:
    # Header bytes are Latin-1 (RFC 9110, 5.5); what came through JSON may hold more.
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")


def _server(host: str | None, scheme: str) -> "tuple[str, int] | None":
    """The host and port that the client asked: the scheme's own port if it named none."""
    if not host:
        return None
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit():
        return name.strip("[]"), int(port)
    return host.strip("[]"), 443 if scheme == "https" else 80
