"""uvicorn with httptools, as `server` starts it: quiet, bounded, and stopped without losing a request."""

import sys
from asyncio import get_running_loop, sleep, wait

from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from socket import socket
    from typing import Any

    from polyfn.runtime.asgi import Application
    from polyfn.runtime.server import Settings, Signals

#: The largest head of a request (RFC 6585, 5: 431), and the seconds that one may take to arrive.
HEAD_LIMIT = 64 * 1024
HEAD_TIME = 20.0
#: Seconds that connections without a request get: one may be on its way.
LINGER = 0.5
#: Seconds that cancelled requests get to clean up in.
CLEANUP = 0.5
_TICK = 0.02
#: The longest body that is copied behind its head.
_JOINED = 64 * 1024


async def serve(app: "Application", sock: "socket", settings: "Settings", signals: "Signals") -> None:
    """Serve until the first signal, then drain until `grace` seconds are over, or until the second one."""
    make_lazy("uvicorn", {"Config": "uvicorn.config", "Server": "uvicorn.server"})
    from uvicorn.config import Config
    from uvicorn.server import Server

    config = Config(
        app, http=_protocol(), ws="none", lifespan="off", interface="asgi3", workers=1,
        # What concerns the application is logged there; a client's nonsense is nobody's concern.
        log_config=None, log_level="critical", access_log=False,
        proxy_headers=False, server_header=False, timeout_keep_alive=settings.keep_alive,
    )  # fmt: skip
    config.load()
    server: Any = Server(config)
    server.lifespan = config.lifespan_class(config)
    # The first replies have a Date as well.
    await server.on_tick(0)
    await server.startup(sockets=[sock])
    while not await signals.came(1, timeout=1.0):
        await server.on_tick(0)
    app.closing = True
    await _drain(server, sock, get_running_loop().time() + settings.grace, signals)


async def _drain(server: "Any", sock: "socket", end: float, signals: "Signals") -> None:
    now = get_running_loop().time
    state = server.server_state
    await _close_door(server, sock)
    # A request may be on its way on any connection; its reply will ask for the connection's end.
    linger = min(end, now() + LINGER)
    while state.connections and now() < linger and signals.count < 2:
        await sleep(_TICK)
    for connection in list(state.connections):
        connection.shutdown()
    while (state.connections or state.tasks) and now() < end and signals.count < 2:
        await sleep(_TICK)
    if state.tasks:
        logs.report("WARNING", f"{len(state.tasks)} requests are cut short: the process ends")
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await wait(tasks, timeout=CLEANUP)
    for connection in list(state.connections):
        connection.transport.abort()


async def _close_door(server: "Any", sock: "socket") -> None:
    """Stop listening. Whoever the kernel has let in gets in: closing a listener would reset them."""
    sock.listen(0)
    late = sock.dup()
    for one in server.servers:
        one.close()
    entered = []
    try:
        while True:
            entered.append(late.accept()[0])
    except OSError:
        late.close()

    def protocol() -> "Any":
        config = server.config
        return config.http_protocol_class(config=config, server_state=server.server_state, app_state={})

    for connection in entered:
        await get_running_loop().connect_accepted_socket(protocol, connection)


def make_lazy(name: str, places: "dict[str, str]") -> None:
    """Have a package's own module run only when somebody asks for more of it than its submodules.

    uvicorn's imports its command line, which costs more than the server. `places` says in which
    submodules the names are that the submodules themselves take from the package.
    """
    if name in sys.modules:
        return
    from importlib.util import find_spec, module_from_spec

    spec = find_spec(name)
    if spec is None or spec.loader is None:
        return
    module, loader = module_from_spec(spec), spec.loader

    def ask(wanted: str) -> "Any":
        if wanted in places:
            return getattr(__import__(places[wanted], fromlist=[wanted]), wanted)
        if wanted.startswith("__") or not pending:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        pending.clear()
        del module.__getattr__
        loader.exec_module(module)
        return getattr(module, wanted)

    pending = [True]
    module.__getattr__ = ask  # type: ignore[method-assign]
    sys.modules[name] = module


class Joining:
    """A transport that sends the head of a reply together with its body, where that follows at once.

    Two writes are two system calls, and two packets.
    """

    __slots__ = ("_held", "_loop", "_transport", "_write")

    def __init__(self, transport: "Any", loop: "AbstractEventLoop") -> None:
        self._transport = transport
        self._write: Callable[[bytes], None] = transport.write
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, or keep a head until the body comes or the loop has had a turn."""
        if self._held:
            held, self._held = self._held, b""
            if len(data) <= _JOINED:
                self._write(held + data)
            else:
                self._write(held)
                self._write(data)
        elif data[:5] == b"HTTP/":
            self._held = data
            self._loop.call_soon(self._flush)
        else:
            self._write(data)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._write(held)

    def close(self) -> None:
        """Send what is left and close."""
        self._flush()
        self._transport.close()


def _protocol() -> "Any":
    """Uvicorn's protocol, with bounds on a request's head. It is a parser's callbacks that are bounded."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Bounded(HttpToolsProtocol):
        """`in_head` and `in_body` tell where in a request the parser is; `seen` counts the head's bytes."""

        in_head = in_body = False
        seen = 0
        timer: "Any" = None

        def connection_made(self, transport: "Any") -> None:
            super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]
            self.timer = self.loop.call_later(HEAD_TIME, self.too_slow)

        def connection_lost(self, exc: "Exception | None") -> None:
            self.untimed()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if not self.in_body:
                self.seen += len(data)
            super().data_received(data)
            if self.in_head:
                if self.seen > HEAD_LIMIT:
                    self.refuse(b"431 Request Header Fields Too Large")
                elif self.timer is None:
                    self.timer = self.loop.call_later(HEAD_TIME, self.too_slow)

        def on_message_begin(self) -> None:
            self.in_head = True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self.in_head = False
            if self.timer is not None:
                self.untimed()
            # What was read at once may hold a body as well.
            if self.seen > HEAD_LIMIT and self.head_size() > HEAD_LIMIT:
                self.refuse(b"431 Request Header Fields Too Large")
                raise ValueError("the request's head is too large")
            self.in_body = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self.in_body = False
            self.seen = 0
            super().on_message_complete()

        def head_size(self) -> int:
            return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

        def untimed(self) -> None:
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None

        def too_slow(self) -> None:
            self.timer = None
            if self.in_head:
                self.refuse(b"408 Request Timeout")
            else:
                self.transport.close()

        def refuse(self, status: bytes) -> None:
            # Only where no other request of the connection waits for its reply.
            if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
                head = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                self.transport.write(head % status)
            self.transport.close()

    return Bounded
