"""Asynchronous invocations: answered at once, run later, tried again when they fail."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from polyfn_aws.emulator.invocation import Invocation
from polyfn_aws.emulator.lifecycle import Lifecycle
from polyfn_aws.emulator.reply import Reply

#: How often a failed asynchronous invocation is tried again. The platform waits a minute, then two.
RETRIES = 2


class Background:
    """The asynchronous invocations that are not over yet."""

    def __init__(self, lifecycle: Lifecycle, log: Callable[[str], None]) -> None:
        self._lifecycle = lifecycle
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, invocation: Invocation) -> None:
        """Run the invocation, and again if it fails."""
        task = asyncio.create_task(self._run(invocation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is not over."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, invocation: Invocation) -> None:
        for attempt in range(RETRIES + 1):
            fresh = Invocation(payload=b"").invocation_id
            delivery = replace(invocation, reply=Reply(), invocation_id=fresh)
            await self._lifecycle.run(delivery)
            if delivery.reply.fault is None:
                return
            if attempt < RETRIES:
                self._log(f"polyfn: asynchronous invocation {invocation.request_id} failed, trying again")
        self._log(
            f"polyfn: asynchronous invocation {invocation.request_id} failed {RETRIES + 1} times; "
            "the platform would now drop it, or send it to the configured destination"
        )
