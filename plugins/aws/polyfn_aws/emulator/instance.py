"""One execution environment: the artifact's process and the Runtime API that it talks to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from polyfn.toolchain.emulation.http1 import serve
from polyfn.toolchain.emulation.process import Process
from polyfn_aws.emulator.configuration import VERSION, Configuration, bootstrap
from polyfn_aws.emulator.environment import environment
from polyfn_aws.emulator.invocation import Invocation
from polyfn_aws.emulator.reply import Fault
from polyfn_aws.emulator.runtime_api import RuntimeApi

#: Seconds between two looks at the memory of a running process.
LOOK = 0.05
#: Seconds from SIGTERM to SIGKILL if an internal extension is registered; without one there is no SIGTERM.
GRACE = 0.5


class Timeout(Exception):  # noqa: N818  it is an outcome here
    """What was waited for did not come before its limit."""


class Instance:
    """A started execution environment. It ends once and is then replaced, never restarted."""

    def __init__(self, configuration: Configuration, process: Process, api: RuntimeApi) -> None:
        self._configuration = configuration
        self.process = process
        self.api = api

    async def initialise(self, limit: float) -> float:
        """Wait for the end of init and return its seconds, from the exec to the first GET /next.

        Raises Timeout, and Faulty if the artifact reported an error or ended.
        """
        await self._until(self.process.began + limit, self.api.settled, self.api.init_failed)
        if not self.api.settled.is_set():
            # It is about to end by itself; its last lines belong in the log.
            await asyncio.wait({self.process.ended}, timeout=GRACE)
            raise Faulty(self._init_fault())
        return time.monotonic() - self.process.began

    def _init_fault(self) -> Fault:
        return self.api.init_fault or self.exit_fault(None)

    async def serve(self, invocation: Invocation, deadline: float) -> None:
        """Deliver an invocation and return when the runtime asks for the next one.

        Raises Timeout at the deadline (of `time.monotonic()`), and Faulty if the process ended, or
        took more memory than it may.
        """
        self.process.thaw()
        self.api.dispatch(invocation)
        await self._until(deadline, self.api.settled, request_id=invocation.request_id)
        if not self.api.settled.is_set():
            raise Faulty(self.exit_fault(invocation.request_id))
        self._check_memory(invocation.request_id)

    async def _until(self, deadline: float, *events: asyncio.Event, request_id: str | None = None) -> None:
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            while True:
                left = deadline - time.monotonic()
                done, _ = await asyncio.wait(
                    [*waits, self.process.ended],
                    timeout=max(0.0, min(LOOK, left)),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if done:
                    return
                self._check_memory(request_id)
                if left <= 0:
                    raise Timeout
        finally:
            for wait in waits:
                wait.cancel()

    def _check_memory(self, request_id: str | None) -> None:
        if self.process.memory() > self._configuration.memory << 20:
            message = "Runtime exited with error: signal: killed"
            raise Faulty(Fault.of("Runtime.OutOfMemory", message, request_id))

    def exit_fault(self, request_id: str | None) -> Fault:
        """Return the fault that the process's end is."""
        ended = self.process.ended.result() if self.process.ended.done() else None
        if ended is None or ended.code == 0:
            message = "Runtime exited without providing a reason"
        else:
            message = f"Runtime exited with error: {ended}"
        return Fault.of("Runtime.ExitError", message, request_id)

    async def stop(self) -> None:
        """End the process: with a warning if it registered an extension to be warned, else at once."""
        await self.process.stop(GRACE if len(self.api.extensions) else 0.0)


class Faulty(Exception):  # noqa: N818  carries a fault, is not one of the emulator
    """The artifact failed; `fault` says how."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.type)
        self.fault = fault


@asynccontextmanager
async def started(configuration: Configuration, log: Callable[[str], None]) -> AsyncIterator[Instance]:
    """Start the artifact's bootstrap; stop it on leaving. Raises Faulty if it cannot be executed."""
    api = RuntimeApi(configuration)
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[{VERSION}]{uuid4().hex}"
    async with serve(api.handle) as server:
        variables = environment(configuration, runtime_api=f"{server.host}:{server.port}", log_stream=stream)
        try:
            process = Process(
                [str(bootstrap(configuration.root))], cwd=configuration.root, environment=variables, log=log
            )
        except OSError as error:
            message = f"fork/exec {configuration.root}/bootstrap: {(error.strerror or str(error)).lower()}"
            raise Faulty(Fault.of("Runtime.InvalidEntrypoint", message)) from None
        instance = Instance(configuration, process, api)
        try:
            yield instance
        finally:
            await instance.stop()
