"""The life of a function: cold starts, invocations one at a time, freezes, kills, fresh starts."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from polyfn_aws.emulator.configuration import Configuration
from polyfn_aws.emulator.instance import GRACE, Faulty, Instance, Timeout, started
from polyfn_aws.emulator.invocation import Invocation
from polyfn_aws.emulator.reply import Fault
from polyfn_aws.emulator.reports import (
    Report,
    end_line,
    init_report_line,
    start_line,
    timeout_line,
    timeout_words,
)


@dataclass(frozen=True)
class Finished:
    """An invocation that is over: its figures, and the lines logged from START to REPORT."""

    report: Report
    lines: tuple[str, ...]


class Lifecycle:
    """Runs invocations in an execution environment, which it starts when there is none."""

    def __init__(self, configuration: Configuration, log: Callable[[str], None]) -> None:
        self._configuration = configuration
        self._log_line = log
        self._lines: list[str] = []
        self._turn = asyncio.Lock()
        self._room = AsyncExitStack()
        self._instance: Instance | None = None
        self._current: Invocation | None = None
        self._running: set[asyncio.Task[Finished]] = set()

    def submit(self, invocation: Invocation) -> asyncio.Task[Finished]:
        """Run one invocation, after those that came before, to the runtime's following GET /next.

        Its reply may be read before that. It runs on when nobody waits for it any more, as on the
        platform. The task never raises for what the artifact does.
        """
        task = asyncio.create_task(self._queued(invocation))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def run(self, invocation: Invocation) -> Finished:
        """Submit and wait. The invocation runs on if the caller is cancelled."""
        return await asyncio.shield(self.submit(invocation))

    async def _queued(self, invocation: Invocation) -> Finished:
        try:
            async with self._turn:
                self._current = invocation
                try:
                    return await self._run(invocation)
                finally:
                    self._current = None
        finally:
            invocation.reply.end(Fault.of("Sandbox.Failure", "the emulator stopped", invocation.request_id))

    async def close(self) -> None:
        """End the execution environment as the platform would."""
        if self._current is not None and self._current.reply.ended:
            # Its caller is content, but the runtime has not asked for the next yet: it is about to.
            await asyncio.wait(self._running, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._end()

    def log(self, line: str) -> None:
        """Add a line to the function's log."""
        self._lines.append(line)
        self._log_line(line)

    async def _run(self, invocation: Invocation) -> Finished:
        init = await self._warm()
        self._lines = []
        self.log(start_line(invocation.request_id))
        begin = time.monotonic()
        status, fault = await self._served(invocation, begin + self._configuration.timeout)
        report = await self._finished(invocation, time.monotonic() - begin, init, status, fault)
        return Finished(report, tuple(self._lines))

    async def _finished(
        self,
        invocation: Invocation,
        duration: float,
        init: float | None,
        status: str | None,
        fault: Fault | None,
    ) -> Report:
        if fault is not None:
            invocation.reply.end(fault)
        peak = await self._put_away(keep=status is None)
        self.log(end_line(invocation.request_id))
        report = Report(
            request_id=invocation.request_id,
            duration=duration,
            memory=self._configuration.memory,
            peak=peak,
            init=init,
            status=status,
            error_type=fault.type if fault is not None and status == "error" else None,
        )
        self.log(report.line())
        if status == "timeout":
            self.log(timeout_line(invocation.request_id, self._configuration.timeout))
        return report

    async def _served(self, invocation: Invocation, deadline: float) -> tuple[str | None, Fault | None]:
        invocation.deadline_ms = int((time.time() + deadline - time.monotonic()) * 1000)
        try:
            if self._instance is None:
                # Init failed, so the platform runs it once more, within the invocation's own time.
                await self._cold("invoke", deadline - time.monotonic())
            assert self._instance is not None
            await self._instance.serve(invocation, deadline)
        except Timeout:
            words = timeout_words(self._configuration.timeout)
            return "timeout", Fault.of("Sandbox.Timedout", words, invocation.request_id)
        except Faulty as error:
            return "error", error.fault
        return None, None

    async def _warm(self) -> float | None:
        """See to an execution environment; return the seconds of init if this was a cold start."""
        if self._instance is not None and self._instance.process.alive:
            return None
        await self._end()
        try:
            return await self._cold("init", self._configuration.init_timeout)
        except (Faulty, Timeout):
            return None

    async def _cold(self, phase: str, limit: float) -> float:
        begin = time.monotonic()
        try:
            self._instance = await self._room.enter_async_context(started(self._configuration, self.log))
            took = await self._instance.initialise(limit)
        except (Faulty, Timeout) as error:
            took = time.monotonic() - begin
            await self._end()
            faulty = isinstance(error, Faulty)
            type_ = error.fault.type if isinstance(error, Faulty) else None
            self.log(init_report_line(took, phase, "error" if faulty else "timeout", type_))
            raise
        # A process that ends in its first invocation could not be measured any more.
        self._instance.process.memory()
        return took

    async def _put_away(self, *, keep: bool) -> int:
        """Freeze the environment, or end it; return its peak of memory."""
        instance = self._instance
        if instance is None:
            return 0
        if keep and self._configuration.freeze:
            instance.process.freeze()
        instance.process.drain()
        peak = instance.process.memory()
        if not keep:
            await self._end()
            peak = instance.process.memory()
        return peak

    async def _end(self) -> None:
        self._instance = None
        room, self._room = self._room, AsyncExitStack()
        await room.aclose()
