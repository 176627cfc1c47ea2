"""The emulator that `Provider.emulate` gives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from polyfn.toolchain.emulation.exchange import Exchange, Truncated
from polyfn.toolchain.emulation.http1 import serve
from polyfn.toolchain.emulation.unpacked import unpacked
from polyfn.toolchain.errors import EmulationError
from polyfn.toolchain.provider import Emulation, Emulator, Invoked
from polyfn_aws.emulator.configuration import Configuration, bootstrap, configuration
from polyfn_aws.emulator.direct import PATH, DirectFront
from polyfn_aws.emulator.environment import refuse_reserved
from polyfn_aws.emulator.http_front import HttpFront
from polyfn_aws.emulator.invocation import Invocation
from polyfn_aws.emulator.lifecycle import Lifecycle
from polyfn_aws.emulator.redrive import Redrive, is_batch
from polyfn_aws.emulator.retries import Background


class LambdaEmulator:
    """A running emulator of Lambda."""

    def __init__(self, configured: Configuration, lifecycle: Lifecycle) -> None:
        self._configured = configured
        self._lifecycle = lifecycle
        self._background = Background(lifecycle, lifecycle.log)
        self._direct = DirectFront(configured, lifecycle, self._background)
        self._http = HttpFront(configured, lifecycle)
        self._stopped = asyncio.Event()
        self._url = ""
        self.function = configured.name

    @property
    def url(self) -> str:
        """Where plain HTTP is served, and the service's own paths."""
        return self._url

    async def invoke(self, event: bytes) -> Invoked:
        """Deliver one event, synchronously, and wait until the runtime asks for the next.

        With the option redrive=N a batch is delivered as `redrive` does.
        """
        if self._configured.redrive and is_batch(event):
            return await self.redrive(event, self._configured.redrive)
        invocation = Invocation(payload=event)
        finished = await self._lifecycle.run(invocation)
        payload = await invocation.reply.payload()
        fault = invocation.reply.fault
        error = None if fault is None else "Unhandled"
        report = {**finished.report.facts(), "log": list(finished.lines)}
        if fault is not None:
            report["error_type"] = fault.type
        return Invoked(payload, error=error, report=report)

    async def redrive(self, event: bytes, attempts: int) -> Invoked:
        """Deliver a batch, and what fails of it again: see `Redrive.run`."""
        return await Redrive(self._lifecycle, partial=self._configured.partial_batch).run(event, attempts)

    async def wait(self) -> None:
        """Return when the emulator has stopped. It never stops by itself: a dead artifact starts again."""
        await self._stopped.wait()

    async def _handle(self, exchange: Exchange) -> None:
        try:
            if called := PATH.fullmatch(exchange.path):
                await self._direct.handle(exchange, *called.groups())
            else:
                await self._http.handle(exchange)
        except Truncated:
            exchange.abort()

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[None]:
        """Serve HTTP until the context is left. Raises EmulationError if the port cannot be had."""
        async with AsyncExitStack() as room:
            room.callback(self._stopped.set)
            try:
                server = await room.enter_async_context(serve(self._handle, host=host, port=port))
            except OSError as error:
                raise EmulationError(
                    f"cannot listen on {host}:{port}: {error.strerror or error}",
                    hint="choose another port, or 0 for a free one",
                ) from error
            self._url = server.url
            room.push_async_callback(self._lifecycle.close)
            room.push_async_callback(self._background.close)
            yield


@asynccontextmanager
async def emulate(emulation: Emulation) -> AsyncIterator[Emulator]:
    """Run an artifact as Lambda would. Options: http, freeze, throttle, init-timeout, redrive.

    The artifact starts at the first invocation, as on the platform. Raises EmulationError for an
    artifact that Lambda could not start, UsageError for options that cannot work.
    """
    with unpacked(emulation.artifact) as root:
        configured = configuration(emulation, root)
        bootstrap(root)
        refuse_reserved(configured)
        emulator = LambdaEmulator(configured, Lifecycle(configured, emulation.log))
        async with emulator.serving(emulation.host, emulation.port):
            yield emulator
