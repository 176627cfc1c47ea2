"""Sends the request that an event describes."""

from collections.abc import AsyncIterator

from polyfn.toolchain.emulation.request_event import RequestEvent
from polyfn.toolchain.emulation.upstream import Broken, Unreachable, Upstream
from polyfn_azure.emulator.headers import Pairs


async def sent(event: RequestEvent, host: str, port: int) -> tuple[int | None, bytes, bool]:
    """Return the status (None without an answer), the body, and whether it came to its end."""
    upstream = Upstream(host, port)
    status, body = None, b""
    try:
        call = await upstream.call(event.method, event.path, _headers(event, host, port), _once(event.body))
    except Unreachable:
        return None, b"", False
    try:
        status = (await call.head()).status
        async for chunk in call.chunks():
            body += chunk
    except Broken:
        return status, body, False
    finally:
        await call.close()
        upstream.close()
    return status, body, True


def _headers(event: RequestEvent, host: str, port: int) -> Pairs:
    headers = [
        pair for pair in event.headers if pair[0].lower() not in ("content-length", "transfer-encoding")
    ]
    if event.header("Host") is None:
        headers.insert(0, ("Host", f"{host}:{port}"))
    # A request without a body, such as GET, has no length; one with an empty body has.
    if event.body or event.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        headers.append(("Content-Length", str(len(event.body))))
    return headers


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
