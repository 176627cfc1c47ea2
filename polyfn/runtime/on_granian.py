"""granian, embedded, as `server` starts it: it speaks HTTP/2 without TLS (h2c) as well.

It has bounds of its own on what clients send, and closes its listener itself: a connection that
arrives in the moment of its stopping may be reset.
"""

from asyncio import create_task, sleep, wait

from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.runtime.asgi import Application
    from polyfn.runtime.server import Settings, Signals

#: Seconds between the signal and the end of listening.
LINGER = 0.5


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
    # A request may be on its way on any connection; its reply will ask for the connection's end.
    await signals.came(2, timeout=LINGER)
    server.stop()
    waited = 0.0
    while not running.done() and waited < settings.grace and signals.count < 2:
        await sleep(0.02)
        waited += 0.02
    if not running.done():
        logs.report("WARNING", "requests are cut short: the process ends")
        running.cancel()
        await wait([running], timeout=0.5)
