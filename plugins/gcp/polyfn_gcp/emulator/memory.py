"""Looks at a container's memory and ends it where it holds more than it may."""

import asyncio
from collections.abc import Callable

from polyfn_gcp.emulator import texts
from polyfn_gcp.emulator.launch import Launched

#: Seconds between two looks.
LOOK = 0.05


class MemoryWatch:
    """Watches one container. `exceeded` tells that it was ended for its memory; `limit` is MiB.

    What it wrote to its file system counts too (documented).
    """

    def __init__(self, launched: Launched, limit: int, log: Callable[[str], None]) -> None:
        self._launched, self._limit, self._log = launched, limit, log
        self.exceeded = False

    async def run(self) -> None:
        """Return when the container has ended."""
        process = self._launched.process
        while process.alive:
            if not process.frozen:
                used = process.memory() + self._launched.written()
                if used > self._limit << 20:
                    self.exceeded = True
                    self._log(texts.memory_line(self._limit, used))
                    await process.stop(0)
            await asyncio.wait({process.ended}, timeout=LOOK)
