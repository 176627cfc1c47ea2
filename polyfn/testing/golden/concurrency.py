"""A golden function that is served while it is being served."""

import asyncio

import polyfn
from polyfn import Http

waiting: set[object] = set()


@polyfn.function(Http("GET", "/golden/together"))
async def together() -> dict[str, int]:
    """Wait for a second request in the same process."""
    me = object()
    waiting.add(me)
    for _ in range(300):
        if len(waiting) > 1:
            break
        await asyncio.sleep(0.01)
    met = len(waiting)
    await asyncio.sleep(0.05)
    waiting.discard(me)
    return {"met": met}
