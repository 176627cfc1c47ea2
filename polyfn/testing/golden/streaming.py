"""Golden functions that stream what they answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import polyfn
from polyfn import Http


@polyfn.function(Http("GET", "/golden/stream"))
def counted() -> Iterator[str]:
    """Send one line, and much later another."""
    yield "one\n"
    time.sleep(0.6)
    yield "two\n"


@polyfn.function(Http("GET", "/golden/stream-async"))
async def counted_async() -> AsyncIterator[str]:
    """Send one line, and much later another, asynchronously."""
    yield "one\n"
    await asyncio.sleep(0.6)
    yield "two\n"
