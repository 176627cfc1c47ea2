"""uvicorn with httptools, as `server` starts it: quiet, bounded, and stopped without losing a request."""

import sys
from asyncio import get_running_loop, sleep, wait

from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any

    from polyfn.runtime.asgi import Application
    from polyfn.runtime.server import Settings, Signals

#: Seconds that connections without a request get: one may be on its way.
LINGER = 0.5
#: Seconds that cancelled requests get to clean up in.
CLEANUP = 0.5
_TICK = 0.02


async def serve(app: "Application", sock: "socket", settings: "Settings", signals: "Signals") -> None:
    """Serve until the first signal, then drain until `grace` seconds are over, or until the second one."""
    make_lazy("uvicorn", {"Config": "uvicorn.config", "Server": "uvicorn.server"})
    from uvicorn.config import Config
    from uvicorn.server import Server

    from polyfn.runtime.protocol import Protocol

    config = Config(
        app, http=Protocol, ws="none", lifespan="off", interface="asgi3", workers=1,
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
        _close_idle(server, settings.keep_alive)
    app.closing = True
    await _drain(server, sock, get_running_loop().time() + settings.grace, signals)


def _close_idle(server: "Any", keep_alive: float) -> None:
    """Close connections that have had no request for `keep_alive` seconds, give or take a tick.

    uvicorn sets a timer after every reply and takes it back at the next request: both cost more than this.
    """
    since = get_running_loop().time() - keep_alive
    for connection in list(server.server_state.connections):
        if connection.idle is not None and connection.idle < since:
            connection.transport.close()


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
        if not pending:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        pending.clear()
        del module.__getattr__
        loader.exec_module(module)
        return getattr(module, wanted)

    pending = [True]
    module.__getattr__ = ask  # type: ignore[method-assign]
    sys.modules[name] = module
