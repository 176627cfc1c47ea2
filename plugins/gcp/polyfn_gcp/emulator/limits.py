"""The sizes of bodies that Cloud Run passes on over HTTP/1 (https://cloud.google.com/run/quotas)."""

from collections.abc import AsyncIterator

from polyfn.toolchain.emulation.exchange import Exchange, TooLarge
from polyfn_gcp.emulator.record import Record

#: Bytes of a request, and of a response that tells its length; a streamed one has no limit.
LARGEST = 32 << 20


def length(headers: list[tuple[str, str]]) -> int:
    """Return what Content-Length says, or 0."""
    told = next((value for name, value in headers if name.lower() == "content-length"), "")
    return int(told) if told.isascii() and told.isdigit() else 0


async def limited(exchange: Exchange, record: Record) -> AsyncIterator[bytes]:
    """Yield a request's body as it arrives, and count it. Raises Truncated, TooLarge."""
    async for chunk in exchange.chunks():
        record.request_size += len(chunk)
        if record.request_size > LARGEST:
            raise TooLarge
        yield chunk
