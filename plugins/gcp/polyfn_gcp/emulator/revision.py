"""The revision that serves: starts an instance when there is none, and hands out its slots."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from polyfn_gcp.emulator.configuration import Configuration
from polyfn_gcp.emulator.instance import Instance, NotStarted, start

#: A request waits for an instance so many times as long as that took to start, or so many seconds,
#: whichever is longer (https://cloud.google.com/run/docs/about-instance-autoscaling).
PENDING_STARTS, PENDING = 3.5, 10.0
#: Seconds that requests have to pass on their answers once the container has ended.
FLUSH = 1.0


class NoInstance(Exception):  # noqa: N818  it is an outcome here
    """The request waited as long as it may; no slot came free."""


class Closing(Exception):  # noqa: N818
    """The emulator is being stopped."""


class Lease:
    """A slot of an instance, held by one request until it is released."""

    def __init__(self, revision: "Revision", instance: Instance) -> None:
        self._revision = revision
        self._held = True
        self.instance = instance

    def release(self) -> None:
        """Give the slot back. Does nothing the second time."""
        if self._held:
            self._held = False
            self._revision.released(self.instance)


class Revision:
    """At most one instance at a time, as with a maximum of one; started when it is first needed."""

    def __init__(self, configuration: Configuration, log: Callable[[str], None]) -> None:
        self._configuration = configuration
        self._log = log
        self._instance: Instance | None = None
        self._starting: asyncio.Task[Instance] | None = None
        self._first: asyncio.Task[None] | None = None
        self._waiting: deque[asyncio.Future[Instance | None]] = deque()
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._held = 0

    async def acquire(self) -> Lease:
        """Wait for a slot. Raises NotStarted, NoInstance, Closing."""
        begin = time.monotonic()
        while True:
            instance = await self._current()
            if instance.in_flight < self._configuration.concurrency and not self._waiting:
                instance.enter()
                return self._leased(instance)
            patience = max(PENDING, PENDING_STARTS * instance.took)
            handed = await self._turn(begin + patience - time.monotonic())
            if handed is not None:
                return self._leased(handed)

    def _leased(self, instance: Instance) -> Lease:
        self._held += 1
        self._idle.clear()
        return Lease(self, instance)

    def released(self, instance: Instance) -> None:
        """Take a slot back, and hand it to the request that has waited longest."""
        self._held -= 1
        if not self._held:
            self._idle.set()
        if instance is self._instance and instance.serves:
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_result(instance)
                    return
        instance.leave()

    async def _turn(self, seconds: float) -> Instance | None:
        """Wait to be handed a slot; None if there is another instance now. Raises NoInstance."""
        turn: asyncio.Future[Instance | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            done, _ = await asyncio.wait({turn}, timeout=max(0.0, seconds))
        except asyncio.CancelledError:
            if turn.done() and (handed := turn.result()) is not None:
                self._leased(handed).release()
            raise
        finally:
            turn.cancel()
        if not done:
            raise NoInstance
        return turn.result()

    async def _current(self) -> Instance:
        if self._closing:
            raise Closing
        if self._instance is not None and self._instance.serves:
            return self._instance
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            # Nobody may be left to be told that it failed.
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())
        starting = self._starting
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if starting.cancelled():
                raise Closing from None
            raise

    async def _start(self) -> Instance:
        try:
            self._instance = await self._started()
            return self._instance
        finally:
            self._starting = None

    async def _started(self) -> Instance:
        instance = await start(self._configuration, self._log)
        instance.process.ended.add_done_callback(lambda _: self._turn_away())
        return instance

    def _turn_away(self) -> None:
        """Let those that wait look for the instance anew."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)

    def warm(self) -> None:
        """Begin to start an instance, as the platform does to see whether a new revision works."""
        self._first = asyncio.create_task(self._tried())

    async def _tried(self) -> None:
        with suppress(NotStarted, Closing):
            await self._current()

    async def rollover(self) -> None:
        """Replace the instance by a new one; the old one finishes what it has. Raises NotStarted, Closing."""
        new = await self._started()
        if self._closing:
            await new.stop()
            raise Closing
        old, self._instance = self._instance, new
        self._turn_away()
        if old is not None:
            await old.stop()

    async def close(self) -> None:
        """End the instance as the platform does. Requests in flight are the container's to finish."""
        self._closing = True
        self._turn_away()
        if (starting := self._starting) is not None:
            starting.cancel()
        await asyncio.gather(*filter(None, (starting, self._first)), return_exceptions=True)
        if self._instance is not None:
            await self._instance.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), FLUSH)
