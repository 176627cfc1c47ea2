"""ASGI 3 (https://asgi.readthedocs.io/en/latest/specs/www.html): between a server and a `serve`.

It knows requests and replies, deadlines and disconnects, and nothing of platforms and triggers.
"""

from asyncio import CancelledError, current_task, get_running_loop
from collections import deque
from time import time

from polyfn.errors import ResultError
from polyfn.runtime import aio, body, current, logs, patience, replies
from polyfn.runtime.incoming import ScopeRequest, has_body
from polyfn.runtime.serving import aclose, run_deferred
from polyfn.runtime.wire import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future, Task, TimerHandle
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any, TypeAlias

    from polyfn.context import Context
    from polyfn.http import Request
    from polyfn.runtime.replies import Reply

    Scope: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
    Serve: TypeAlias = Callable[[Request[Any], Context], Awaitable[Reply]]

#: The largest body that is read, in bytes.
BODY_LIMIT = 32 * 1024 * 1024


class Application:
    """An ASGI application that serves what `serve` does, in the context that `make_context` makes.

    `concurrency` bounds how many requests are served at once, None does not; the others wait. `direct`
    may name an ASGI application for a scope, which then serves the request instead, under the same
    bound and the same deadline; it learns of clients that leave by itself.
    Set `closing` when the process is about to stop: replies then ask clients to connect elsewhere.
    """

    __slots__ = (
        "_body_limit", "_direct", "_make_context", "_serve", "_waiting", "closing", "free",
    )  # fmt: skip

    def __init__(
        self,
        serve: "Serve",
        make_context: "Callable[[Request[Any]], Context]",
        *,
        concurrency: int | None = None,
        body_limit: int = BODY_LIMIT,
        direct: "Callable[[Scope], Asgi | None] | None" = None,
    ) -> None:
        self._direct = direct
        self._serve = serve
        self._make_context = make_context
        self._body_limit = body_limit
        self._waiting: deque[Future[None]] = deque()
        self.closing = False
        self.limit(concurrency)

    def limit(self, concurrency: int | None) -> None:
        """Bound how many requests are served at once. Before the first request."""
        self.free = float("inf") if concurrency is None else concurrency

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one connection of the ASGI kind that `scope` names."""
        if scope["type"] != "http":
            await _other(scope["type"], receive, send)
            return
        exchange = Exchange(self, scope, receive, send)
        app = None if self._direct is None else self._direct(scope)
        try:
            request = ScopeRequest(scope)
            if app is None and has_body(scope):
                length = request.headers.get("content-length")
                request._raw = await body.read(receive, length, self._body_limit)  # noqa: SLF001  same room
            context = self._make_context(request)
        except body.Refused as refused:
            await exchange.answer(refused.reply)
            return
        except Exception as error:  # noqa: BLE001  a defect here is no reason to tell the client of it
            logs.report("ERROR", "the request could not be taken", error=error)
            await exchange.answer(replies.problem(500))
            return
        current.request.set(context)
        exchange.watch(context, client=app is None)
        await exchange.serve(request, context, app)

    async def turn(self) -> None:
        """Wait until another request may be served, where none is `free`. `done` must follow."""
        turn = get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except CancelledError:
            if turn.done() and not turn.cancelled():
                self.done()
            raise

    def done(self) -> None:
        """Let the next one have its turn."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1


async def _other(kind: str, receive: "Receive", send: "Send") -> None:
    if kind == "lifespan":
        await _lifespan(receive, send)
    elif kind == "websocket":
        # Before it was accepted: servers answer the handshake with 403.
        await send({"type": "websocket.close", "code": 1000})


async def _lifespan(receive: "Receive", send: "Send") -> None:
    """Agree to everything: the process's start and stop hooks are the server's affair."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return


class Exchange:
    """One request and its reply, with whatever may cut them short.

    `why` is `deadline` or `disconnect` once one of them has cancelled the task, and `started`
    whether the client has been sent anything.
    """

    # Of the class: what few exchanges need costs the others nothing.
    _among: "set[Exchange] | None" = None
    _timer: "TimerHandle | None" = None
    _watcher: "Task[None] | None" = None
    #: How a server takes a whole reply at once, if it does: see `protocol`.
    _whole: "Callable[..., bool] | None" = None
    started = False
    why: "str | None" = None

    def __init__(self, app: Application, scope: "Scope", receive: "Receive", send: "Send") -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        extensions = scope.get("extensions")
        if extensions is not None and "polyfn.reply" in extensions:
            self._whole = extensions["polyfn.reply"]["whole"]

    def watch(self, context: "Context", *, client: bool = True) -> None:
        """Have the task cancelled shortly before the deadline, and with `client` when that goes away."""
        self._client = client
        self._task: Any = current_task()
        self._began = time()
        self._deadline = context.deadline
        if self._deadline is not None and self._deadline - self._began < 10 * patience.PATIENCE:
            self.look()
        else:
            self._among = patience.of(get_running_loop()).add(self)

    def look(self) -> None:
        """Begin to watch in earnest, once."""
        loop = get_running_loop()
        if self._client:
            self._watcher = loop.create_task(self._until_disconnect())
        if self._deadline is not None and self._deadline != float("inf"):
            self._timer = loop.call_later(aio.budget(self._deadline), self._cancel, "deadline")

    async def _until_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._cancel("disconnect")

    def _cancel(self, why: str) -> None:
        if self.why is None:
            self.why = why
            self._task.cancel()

    def unwatch(self) -> None:
        """Cancel nothing any more."""
        if self._among is not None:
            self._among.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    async def pass_on(self, message: "MutableMapping[str, Any]") -> None:
        """Send what an application of the user's sends."""
        if message["type"] == "http.response.start":
            self.started = True
            if self._app.closing:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await self._send(message)

    async def serve(self, request: "Request[Any]", context: "Context", app: "Asgi | None") -> None:
        """Wait for a turn, serve and answer, or have `app` do so, and then do what was put off until now."""
        turn = False
        try:
            if self._app.free > 0:
                self._app.free -= 1
            else:
                await self._app.turn()
            turn = True
            if app is None:
                await self.answer(await self._app._serve(request, context), context)  # noqa: SLF001  same room
            else:
                # A copy: middleware changes its scope, and the request is made of what came.
                scope = dict(self._scope, polyfn={"event": request, "context": context})
                await app(scope, self._receive, self.pass_on)
        except CancelledError:
            self.unwatch()
            await self._cut_short(context)
        except Exception as error:  # noqa: BLE001  the provider's serve has a defect
            self.unwatch()
            logs.report("ERROR", "the request failed", error=error, request_id=context.request_id)
            if not self.started:
                await self.answer(replies.problem(500))
        else:
            self.unwatch()
        finally:
            try:
                if context.deferred:
                    await run_deferred(context)
            finally:
                if turn:
                    self._app.done()

    async def _cut_short(self, context: "Context") -> None:
        if self.why == "disconnect":
            self._task.uncancel()
            return
        if self.why == "deadline":
            self._task.uncancel()
            error = aio.too_long(time() - self._began)
            reply = replies.from_error(error)
            replies.report(error, reply, context)
        else:
            reply = body.closing(replies.problem(503))
            logs.report("WARNING", "cut short: the process is about to end", request_id=context.request_id)
        # Of a stream that has begun, its missing end tells the client.
        if not self.started:
            await self.answer(reply)

    async def answer(self, reply: "Reply", context: "Context | None" = None) -> None:
        """Send a reply. What cannot be sent is logged, and a 500 where nothing has been sent yet."""
        try:
            headers, content = self._encoded(reply)
            self.started = True
            if reply.stream is not None:
                await self._send_stream(reply, headers)
            elif self._whole is None or not self._whole(reply.status, headers, content):
                await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
                await self._send({"type": "http.response.body", "body": content})
        except Exception as error:  # noqa: BLE001  the handler's own, from its generator or its headers
            what = "the reply broke off" if self.started else "the reply cannot be sent"
            logs.report(
                "ERROR", what, error=error, request_id=context.request_id if context is not None else None
            )
            if not self.started:
                await self.answer(replies.problem(500))
        finally:
            if reply.stream is not None:
                await aclose(reply.stream)

    def _encoded(self, reply: "Reply") -> "tuple[list[tuple[bytes, bytes]], bytes]":
        """Return the headers and the body to send. Raises ResultError for what cannot be sent."""
        if not 200 <= reply.status <= 599:
            raise ResultError(f"the reply has status {reply.status}; expected one from 200 to 599")
        content = reply.body
        headers, length = encode(reply.headers, closing=self._app.closing)
        bodiless = reply.status in replies.BODILESS or self._scope["method"] == "HEAD"
        if reply.stream is None:
            if length is None and reply.status not in (204, 304):
                headers.append((b"content-length", b"%d" % len(content)))
            elif not bodiless and length != len(content):
                raise ResultError(f"the reply has content-length {length}; its body has {len(content)} bytes")
        return headers, b"" if bodiless else content

    async def _send_stream(self, reply: "Reply", headers: "list[tuple[bytes, bytes]]") -> None:
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if reply.status not in replies.BODILESS and self._scope["method"] != "HEAD":
            assert reply.stream is not None
            async for piece in reply.stream:
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})
