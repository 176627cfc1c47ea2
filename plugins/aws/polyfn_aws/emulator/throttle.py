"""The pace of a streamed response: 6 MiB at once, then 2 MiB a second."""

import asyncio
import time

BURST = 6 << 20
RATE = 2 << 20


class Throttle:
    """A token bucket of bytes."""

    def __init__(self, *, burst: int = BURST, rate: int = RATE) -> None:
        self._burst, self._rate = burst, rate
        self._tokens = float(burst)
        self._at = time.monotonic()

    async def take(self, size: int) -> None:
        """Return when `size` more bytes may pass."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - size
        self._at = now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._rate)
