"""The emulator that `Provider.emulate` gives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from polyfn.toolchain.emulation.http1 import serve
from polyfn.toolchain.emulation.journal import Journal
from polyfn.toolchain.emulation.request_event import RequestEvent
from polyfn.toolchain.emulation.unpacked import unpacked
from polyfn.toolchain.errors import EmulationError, EventFileError
from polyfn.toolchain.provider import Emulation, Emulator, Invoked
from polyfn_azure.emulator.account import Accounts
from polyfn_azure.emulator.application import read
from polyfn_azure.emulator.bindings import Function
from polyfn_azure.emulator.command import command
from polyfn_azure.emulator.configuration import Configuration, configuration
from polyfn_azure.emulator.encoding import envelope
from polyfn_azure.emulator.environment import environment, refuse_reserved
from polyfn_azure.emulator.event import EnvelopeEvent, native_event
from polyfn_azure.emulator.front import Front
from polyfn_azure.emulator.host import Host
from polyfn_azure.emulator.invocation import Invoker, Outcome
from polyfn_azure.emulator.keys import Keys
from polyfn_azure.emulator.outputs import Outputs
from polyfn_azure.emulator.queue_poll import queue_settings
from polyfn_azure.emulator.requests import sent
from polyfn_azure.emulator.routing import RouteError
from polyfn_azure.emulator.triggers import Triggers

_REASON = "polyfn invoke"


class FunctionsEmulator:
    """A running host."""

    def __init__(self, configured: Configuration, journal: Journal) -> None:
        self._configured, self._journal = configured, journal
        log: Callable[[str], None] = journal.write
        accounts = Accounts(configured.settings)
        outputs = Outputs(accounts, log, encoded=queue_settings(configured.application).encoded)
        self._host = Host(configured, log)
        self._invoker = Invoker(configured, self._host, outputs, log)
        self._front = self._fronted(log)
        self._triggers = Triggers(configured, accounts, self._invoker, log)
        self._sources: list[asyncio.Task[None]] = []
        self._url = ""

    def _fronted(self, log: Callable[[str], None]) -> Front:
        try:
            return Front(self._configured, self._host, self._invoker, log)
        except RouteError as error:
            raise EmulationError(str(error), hint="such as orders/{id:int}, or {*path} for all") from None

    @property
    def url(self) -> str:
        """Where plain HTTP is served."""
        return self._url

    async def invoke(self, event: bytes) -> Invoked:
        """Deliver an envelope, or send a request through the front.

        The report has `invocation`, `seconds`, `outputs` (what each became, byte by byte) and `log`. Raises
        EventFileError.
        """
        told = native_event(event)
        with self._journal.kept() as lines:
            if isinstance(told, RequestEvent):
                invoked = await self._requested(told)
            else:
                invoked = await self._posted(told)
        return Invoked(invoked.payload, invoked.error, invoked.status, {**invoked.report, "log": lines})

    async def _posted(self, event: EnvelopeEvent) -> Invoked:
        function = self._chosen(event)
        outcome = await self._invoker.run(function, envelope(event.data, event.metadata), _REASON)
        reply = outcome.reply
        # What the host makes of a failure is 500, whatever the handler answered.
        status = 500 if outcome.error is not None else reply.status if reply is not None else 500
        return Invoked(reply.body if reply is not None else b"", outcome.error, status, _report(outcome))

    async def _requested(self, event: RequestEvent) -> Invoked:
        outcomes: list[Outcome] = []
        front = self._fronted(self._journal.write)
        front.watch = outcomes.append
        async with serve(front.handle) as server:
            status, body, whole = await sent(event, server.host, server.port)
        outcome = outcomes[-1] if outcomes else None
        error = outcome.error if outcome is not None else None
        if error is None and not whole:
            error = "the response was cut off"
        if error is None and status in (401, 404) and outcome is None:
            error = f"the host answered {status}: no function was invoked"
        return Invoked(body, error, status or 502, _report(outcome) if outcome is not None else {})

    def _chosen(self, event: EnvelopeEvent) -> Function:
        application = self._configured.application
        wanted = event.function or self._configured.target
        names = ", ".join(each.name for each in application.functions)
        if wanted is None:
            if len(application.functions) == 1:
                return application.functions[0]
            raise EventFileError(
                f"the envelope does not say which function it is for: {names}",
                hint='add "function": "name" to it',
            )
        if (found := application.function(wanted)) is None:
            raise EventFileError(
                f"the app has no function {wanted!r}; it has {names}", hint="name one of them"
            )
        return found

    async def wait(self) -> None:
        """Return when the host has stopped by itself. Timers, queues and blobs are looked at meanwhile."""
        if self._configured.listens and not self._sources:
            self._sources = [asyncio.create_task(work) for work in self._triggers.sources()]
        await self._host.stopped.wait()

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[None]:
        """Run until the context is left. Raises EmulationError if the port cannot be had."""
        async with AsyncExitStack() as room:
            room.push_async_callback(self._host.close)
            try:
                server = await room.enter_async_context(serve(self._front.handle, host=host, port=port))
            except OSError as error:
                raise EmulationError(
                    f"cannot listen on {host}:{port}: {error.strerror or error}",
                    hint="choose another port, or 0 for a free one",
                ) from error
            self._url = server.url
            Keys(self._configured).tell(self._journal.write)
            self._host.start()
            room.push_async_callback(self._unplugged)
            yield

    async def _unplugged(self) -> None:
        for task in self._sources:
            task.cancel()
        await asyncio.gather(*self._sources, return_exceptions=True)


def _report(outcome: Outcome) -> dict[str, Any]:
    return {
        "invocation": outcome.invocation,
        "seconds": round(outcome.seconds, 6),
        "outputs": [each.described() for each in outcome.sent],
    }


@asynccontextmanager
async def emulate(emulation: Emulation) -> AsyncIterator[Emulator]:
    """Run an app as the Functions host would. Options: see OPTIONS in configuration.

    Raises EmulationError for an app that the host could not run, UsageError for options that cannot work. A
    handler that does not start is told of in the log, and by the status of every request.
    """
    refuse_reserved(emulation.environment)
    with unpacked(emulation.artifact) as root:
        configured = configuration(emulation, read(root, emulation.environment))
        # Looked for now, so that one that is not there is told of before anything is served.
        command(configured.application, environment(configured.settings, root, port=0, worker=""))
        emulator = FunctionsEmulator(configured, Journal(emulation.log))
        async with emulator.serving(emulation.host, emulation.port):
            yield emulator
