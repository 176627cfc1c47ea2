"""Reads a storage queue for a function, as the host does (QueueListener, QueueProcessor).

A message is hidden while it is worked on, deleted after success, shown again after a failure, and put into
`<queue>-poison` when it has failed maxDequeueCount times.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator.application import Application
from polyfn_azure.emulator.bindings import Function
from polyfn_azure.emulator.queues import Message, Queues
from polyfn_azure.emulator.timespan import seconds
from polyfn_azure.emulator.wire import Refused

#: Seconds that a message is hidden; half of it later, and then again, its time is prolonged.
HIDDEN = 600
#: Seconds between two looks after one that found something; doubled while nothing comes.
SHORTEST = 0.1

#: Runs a function with a message; True if it succeeded.
Run = Callable[[Function, Message, bytes], Awaitable[bool]]


@dataclass(frozen=True)
class QueueSettings:
    """`extensions.queues` of host.json; `again` is seconds until a failed message shows again."""

    batch: int = 16
    threshold: int = 8
    attempts: int = 5
    again: int = 0
    encoded: bool = True


def queue_settings(application: Application) -> QueueSettings:
    """Read them. Raises EmulationError."""
    told = application.section("extensions", "queues")
    batch = _count(told, "batchSize", 16, 32)
    again = told.get("visibilityTimeout")
    return QueueSettings(
        batch=batch,
        threshold=_count(told, "newBatchThreshold", max(1, batch // 2), 1000),
        attempts=_count(told, "maxDequeueCount", 5, 1000),
        again=int(seconds(again) or 0) if isinstance(again, str) else 0,
        encoded=str(told.get("messageEncoding", "base64")).lower() != "none",
    )


def _count(told: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = told.get(name, default)
    if not isinstance(value, int) or not 1 <= value <= most:
        raise EmulationError(
            f"host.json: extensions.queues.{name} is {value!r}", hint=f"give a number from 1 to {most}"
        )
    return value


class QueuePoll:
    """Delivers what is in one queue to one function."""

    def __init__(
        self,
        function: Function,
        queues: Queues,
        settings: QueueSettings,
        run: Run,
        log: Callable[[str], None],
        longest: float,
    ) -> None:
        self._function, self._queues, self._settings = function, queues, settings
        self._run, self._log, self._longest = run, log, longest
        self._queue = function.trigger.text("queueName")
        self._working: set[asyncio.Task[None]] = set()

    async def forever(self) -> None:
        """Look for messages, the less often the longer there were none."""
        pause = SHORTEST
        try:
            while True:
                taken = await self._taken()
                pause = SHORTEST if taken else min(pause * 2, self._longest)
                if not taken or len(self._working) > self._settings.threshold:
                    await self._rest(pause * random.uniform(0.8, 1.2))  # noqa: S311
        finally:
            for task in self._working:
                task.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)

    async def _taken(self) -> int:
        """Take a batch if few enough are being worked on. Return how many there were."""
        settings = self._settings
        if len(self._working) > settings.threshold:
            return 0
        try:
            taken = await self._queues.take(self._queue, settings.batch, HIDDEN)
        except (EmulationError, Refused) as error:
            self._log(f"[Error] polyfn: queue {self._queue}: {error}")
            return 0
        for message in taken:
            task = asyncio.create_task(self._guarded(message))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return len(taken)

    async def _rest(self, pause: float) -> None:
        if self._working and len(self._working) > self._settings.threshold:
            await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(pause)

    async def _guarded(self, message: Message) -> None:
        try:
            await self._worked(message)
        except (EmulationError, Refused) as error:
            self._log(f"[Error] polyfn: queue {self._queue}: {error}")

    async def _worked(self, message: Message) -> None:
        settings = self._settings
        if message.attempt > settings.attempts:
            await self._poisoned(message, message.receipt)
            return
        body = message.body(encoded=settings.encoded)
        if body is None:
            self._log(f"[Error] the text of message {message.id} is no base64, as messageEncoding says it is")
            await self._poisoned(message, message.receipt)
            return
        done, receipt = await self._hidden(message, body)
        if done:
            await self._queues.delete(self._queue, message, receipt)
        elif message.attempt >= settings.attempts:
            await self._poisoned(message, receipt)
        else:
            await self._queues.release(self._queue, message, receipt, settings.again)

    async def _hidden(self, message: Message, body: bytes) -> tuple[bool, str]:
        """Run the function and keep the message hidden meanwhile. Return success, and its receipt by then."""
        receipt = message.receipt
        work = asyncio.ensure_future(self._run(self._function, message, body))
        try:
            while not (await asyncio.wait({work}, timeout=HIDDEN / 2))[0]:
                receipt = await self._queues.release(self._queue, message, receipt, HIDDEN)
        except asyncio.CancelledError:
            work.cancel()
            raise
        return await work, receipt

    async def _poisoned(self, message: Message, receipt: str) -> None:
        poison = f"{self._queue}-poison"
        self._log(
            f"[Warning] Message has reached MaxDequeueCount of {self._settings.attempts}. "
            f"Moving message to queue '{poison}'."
        )
        await self._queues.put_text(poison, message.raw)
        await self._queues.delete(self._queue, message, receipt)
