"""granian, embedded, as `server` starts it: it speaks HTTP/2 without TLS (h2c) as well."""

from asyncio import create_task, sleep, wait

from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.runtime.asgi import Application
    from polyfn.runtime.server import Settings, Signals


async def serve(app: "Application", host: str, port: int, settings: "Settings", signals: "Signals") -> None:
    """Serve until the first signal, then drain until `grace` seconds are over, or until the second one."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    server: Any = Server(
        app, address=host, port=port, interface=Interfaces.ASGINL, websockets=False, backlog=1024,
        log_enabled=False,
    )  # fmt: skip
    running = create_task(server.serve())
    while not await signals.came(1, timeout=1.0):
        if running.done():
            await running
            raise RuntimeError("granian ended by itself")
    app.closing = True
    server.stop()
    waited = 0.0
    while not running.done() and waited < settings.grace and signals.count < 2:
        await sleep(0.02)
        waited += 0.02
    if not running.done():
        logs.report("WARNING", "requests are cut short: the process ends")
        running.cancel()
        await wait([running], timeout=0.5)
