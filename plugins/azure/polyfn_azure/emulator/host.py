"""The handler's process: started, probed, restarted, killed.

Sources: azure-functions-host, HttpWorkerProcess, DefaultHttpWorkerService and
HttpFunctionInvocationDispatcher. There is one process. It is never told to end: SIGKILL is how it is stopped.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import h11

from polyfn.toolchain.emulation.process import Process
from polyfn.toolchain.emulation.upstream import Broken, Unreachable, Upstream
from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator import texts
from polyfn_azure.emulator.command import command
from polyfn_azure.emulator.configuration import Configuration
from polyfn_azure.emulator.console import Console
from polyfn_azure.emulator.environment import environment

ADDRESS = "127.0.0.1"
#: Seconds between two pings until the first answer (WorkerReadyCheckPollingIntervalMilliseconds).
PROBE = 0.025
#: Seconds between two pings afterwards, of the host's health monitor.
PING = 10.0
#: Seconds from the end of a connection until its process is known to have ended.
BRIEF = 0.5
#: So many errors, each within so many seconds of the one before, stop the host.
ERRORS, INTERVAL = 3, 1800.0
#: The exit status that asks for a new process.
RESTART = 200


class NoHandler(Exception):  # noqa: N818  it is an outcome here
    """There is no process that could be asked; the message says why."""


class Handler:
    """One process, and the way to it. `ready` is a future: whether it answered in time."""

    def __init__(self, process: Process, port: int) -> None:
        self.process, self.port = process, port
        self.upstream = Upstream(ADDRESS, port)
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def settle(self) -> None:
        """Wait for a moment after a connection was cut: to a process that has ended nobody is sent."""
        await asyncio.wait({self.process.ended}, timeout=BRIEF)


class Host:
    """Keeps the handler running, within the limits that the host has."""

    def __init__(self, configuration: Configuration, log: Callable[[str], None]) -> None:
        self._configuration = configuration
        self._log = log
        self._handler: Handler | None = None
        self._gone: str | None = None
        self._failure: EmulationError | None = None
        self._errors: list[float] = []
        self._work: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self.stopped = asyncio.Event()
        self.starts = 0

    def start(self) -> None:
        """Begin to run the handler."""
        self._work = asyncio.create_task(self._run())
        self._work.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def handler(self) -> Handler:
        """Wait for one that answers. Raises NoHandler if there will be none, EmulationError for the app."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._alive() or self._gone or self._failure)
            if self._failure is not None:
                raise self._failure
            if self._gone is not None:
                raise NoHandler(self._gone)
            handler = self._handler
            if handler is not None and await asyncio.shield(handler.ready) and handler is self._handler:
                return handler
            await asyncio.sleep(0)

    def _alive(self) -> bool:
        return self._handler is not None and self._handler.process.alive

    async def restart(self, handler: Handler) -> None:
        """Kill a handler that took too long; a new one is started. It does not count as an error."""
        if handler is self._handler:
            self._handler = None
            await handler.process.stop(0)

    async def close(self) -> None:
        """Kill the handler."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        if self._handler is not None:
            await self._stop(self._handler)
        self.stopped.set()

    async def _run(self) -> None:
        try:
            while await self._once():
                pass
        except EmulationError as error:
            self._failure = error
            self._log(f"[Error] {error}")
        finally:
            self.stopped.set()
            self._gone = self._gone or "the host has stopped"
            await self._set(None)

    async def _once(self) -> bool:
        """Run one process to its end. Return whether there is to be another one."""
        handler = self._started()
        await self._set(handler)
        try:
            late = not await self._probed(handler)
            handler.ready.set_result(not late)
            if not late:
                await self._lived(handler)
            # Who took it out of its place killed it for a reason of the host's.
            wanted = handler is not self._handler
        finally:
            await self._set(None)
            await self._stop(handler)
        return wanted or await self._after(handler, late=late)

    async def _after(self, handler: Handler, *, late: bool) -> bool:
        """Decide what follows the end of a process."""
        ended = handler.process.ended.result()
        if ended.code == RESTART:
            self._log(f"The handler ended with {ended}: it wants to be started again")
            return True
        if ended.code == 0:
            self._gone = "the handler has ended with exit status 0, and the host starts no other"
            self._log(f"[Warning] polyfn: {self._gone}")
            await self._waiting_for_nothing()
        limit = self._configuration.initialization
        if late and ended.signal is not None:
            return await self._counted(f"the handler did not answer on its port within {limit:g} s")
        return await self._counted(f"the handler ended: {ended}")

    async def _lived(self, handler: Handler) -> None:
        watch = asyncio.create_task(self._pinged(handler))
        try:
            await asyncio.shield(handler.process.ended)
        finally:
            watch.cancel()

    async def _waiting_for_nothing(self) -> None:
        async with self._changed:
            self._changed.notify_all()
        await asyncio.get_running_loop().create_future()

    async def _counted(self, why: str) -> bool:
        """Count an error. Return whether the handler may be started again."""
        now = time.monotonic()
        if self._errors and now - self._errors[-1] > INTERVAL:
            self._errors.clear()
        self._errors.append(now)
        self._log(f"[Error] {why} (error {len(self._errors)} of {ERRORS})")
        if len(self._errors) < ERRORS:
            return True
        self._log(texts.EXCEEDED)
        self._gone = "the host has stopped: its handler failed too often"
        return False

    def _started(self) -> Handler:
        configuration = self._configuration
        root = configuration.application.root
        port = configuration.port or _free_port()
        _bindable(port)
        variables = environment(configuration.settings, root, port=port, worker=str(uuid4()))
        told = command(configuration.application, variables)
        console = Console(self._log)
        self.starts += 1
        try:
            process = Process(
                told.words, cwd=told.directory, environment=variables, log=console.out, errors=console.error
            )
        except OSError as error:
            raise EmulationError(
                f"the handler {told.words[0]} cannot be executed: {error.strerror}",
                hint="it has to be an executable for Linux on this machine's architecture, with mode 755",
            ) from None
        return Handler(process, port)

    async def _set(self, handler: Handler | None) -> None:
        async with self._changed:
            self._handler = handler
            self._changed.notify_all()

    async def _stop(self, handler: Handler) -> None:
        if not handler.ready.done():
            handler.ready.set_result(False)
        handler.upstream.close()
        await handler.process.stop(0)

    async def _probed(self, handler: Handler) -> bool:
        """Return True once anything answers; False if it ended before, or the time is over."""
        limit = self._configuration.initialization
        while handler.process.alive:
            left = handler.process.began + limit - time.monotonic()
            if left <= 0:
                return False
            if await ping(handler, left):
                return True
            await asyncio.wait({handler.process.ended}, timeout=PROBE)
        return False

    async def _pinged(self, handler: Handler) -> None:
        while True:
            await asyncio.sleep(PING)
            await ping(handler, PING)


async def ping(handler: Handler, limit: float) -> bool:
    """Ask for `/` as the host does. Whatever comes back that is no socket error counts."""
    try:
        async with asyncio.timeout(limit):
            call = await handler.upstream.call("GET", "/", [("Host", f"{ADDRESS}:{handler.port}")])
            try:
                await call.head()
                async for _ in call.chunks():
                    pass
            finally:
                await call.close()
    except (Unreachable, TimeoutError):
        return False
    except (Broken, h11.RemoteProtocolError):
        # .NET wraps a connection that was cut in an IOException, which is no SocketException.
        return handler.process.alive
    return True


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        port: int = taken.getsockname()[1]
        return port


def _bindable(port: int) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            taken.bind((ADDRESS, port))
            return
    raise EmulationError(
        f"Unable to bind to port {port}: host.json asks for it in customHandler.port",
        hint="end what listens there, or leave customHandler.port out",
    )
