"""An HTTP/1.1 server on asyncio and h11, for emulators.

Servers made for applications hide what a platform's protocol needs: request trailers, the raw
target, the moment a chunk arrives, a response cut off on purpose. This one shows them all.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import h11

from polyfn.toolchain.emulation.exchange import Disconnected, Exchange

__all__ = ["Handler", "Server", "serve"]

Handler = Callable[[Exchange], Coroutine[object, object, None]]


@dataclass(frozen=True)
class Server:
    """A listening server."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """`http://host:port`, without a trailing slash."""
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def serve(handler: Handler, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Server]:
    """Serve until the context is left; then every connection is closed, finished or not.

    `handler` is called once per request and cancelled when its client goes away. Raises OSError if
    the port cannot be had.
    """
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(_converse(handler, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    listener = await asyncio.start_server(connected, host, port)
    try:
        yield Server(host=host, port=listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _converse(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Some runtimes put up to a megabyte of X-Ray cause into one header.
    wire = h11.Connection(h11.SERVER, max_incomplete_event_size=4 << 20)
    try:
        while (exchange := await Exchange.receive(wire, reader, writer)) is not None:
            await _answer(handler, exchange)
            if not await exchange.settle():
                break
            wire.start_next_cycle()
    except (Disconnected, OSError):
        pass
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _answer(handler: Handler, exchange: Exchange) -> None:
    work = asyncio.ensure_future(handler(exchange))
    watch = asyncio.ensure_future(exchange.gone())
    try:
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and watch.result():
            raise Disconnected
        await work
    finally:
        for task in (work, watch):
            task.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)
