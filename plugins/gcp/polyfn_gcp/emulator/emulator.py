"""The emulator that `Provider.emulate` gives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from polyfn.toolchain.emulation.http1 import serve
from polyfn.toolchain.emulation.journal import Journal
from polyfn.toolchain.emulation.request_event import RequestEvent, request_event
from polyfn.toolchain.errors import EmulationError
from polyfn.toolchain.provider import Emulation, Emulator, Invoked
from polyfn_gcp.emulator.configuration import Configuration, configuration
from polyfn_gcp.emulator.delivery import Delivery
from polyfn_gcp.emulator.environment import refuse_reserved
from polyfn_gcp.emulator.front import Front
from polyfn_gcp.emulator.image import opened
from polyfn_gcp.emulator.job import Job
from polyfn_gcp.emulator.launch import sandbox
from polyfn_gcp.emulator.revision import Revision


class CloudRunEmulator:
    """A running emulator of Cloud Run."""

    def __init__(self, configured: Configuration, journal: Journal) -> None:
        self._configured = configured
        self._journal = journal
        self._revision = Revision(configured, journal.write)
        self._stopped = asyncio.Event()
        self._url = ""

    @property
    def url(self) -> str:
        """Where plain HTTP is served. Empty for a job, which serves none."""
        return self._url

    async def invoke(self, event: bytes) -> Invoked:
        """Send a request as its sender would, with the option redrive=N up to N times; or run the job.

        `error` is set where the answer does not satisfy the sender. Raises EventFileError.
        """
        with self._journal.kept() as lines:
            if self._configured.job is not None:
                invoked = await Job(self._configured, self._configured.job, self._journal.write).run()
            else:
                invoked = await self._delivered(request_event(event))
        return replace(invoked, report={**invoked.report, "log": lines})

    async def _delivered(self, event: RequestEvent) -> Invoked:
        # Through a front of its own: an event says what the front has added to it already.
        front = Front(self._configured, self._revision, self._journal.write, told=True)
        async with serve(front.handle) as server:
            return await Delivery(server.host, server.port).run(event, max(1, self._configured.redrive))

    async def rollover(self) -> None:
        """Replace the instance, as the rollout of a new revision does. Raises NotStarted."""
        await self._revision.rollover()

    async def wait(self) -> None:
        """Return when the emulator has stopped. It never stops by itself: a dead container starts again."""
        await self._stopped.wait()

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[None]:
        """Serve HTTP until the context is left. Raises EmulationError if the port cannot be had."""
        front = Front(self._configured, self._revision, self._journal.write)
        async with AsyncExitStack() as room:
            room.callback(self._stopped.set)
            try:
                server = await room.enter_async_context(serve(front.handle, host=host, port=port))
            except OSError as error:
                raise EmulationError(
                    f"cannot listen on {host}:{port}: {error.strerror or error}",
                    hint="choose another port, or 0 for a free one",
                ) from error
            self._url = server.url
            room.push_async_callback(self._revision.close)
            self._revision.warm()
            yield


@asynccontextmanager
async def emulate(emulation: Emulation) -> AsyncIterator[Emulator]:
    """Run an image as Cloud Run would. Options: see OPTIONS in configuration.

    Raises EmulationError for an image that Cloud Run could not start, UsageError for options that cannot
    work. An image that does not start is told of in the log, and by the status of every request.
    """
    with opened(emulation.artifact) as image:
        configured = configuration(emulation, image)
        refuse_reserved(configured)
        sandbox(configured)
        emulator = CloudRunEmulator(configured, Journal(emulation.log))
        if configured.job is not None:
            yield emulator
            return
        async with emulator.serving(emulation.host, emulation.port):
            yield emulator
