"""A request that is rebuilt for the handler, and its response held in memory.

Source: azure-functions-host, DefaultHttpWorkerService.ProcessHttpInAndOutInvocationRequest.
"""

from collections.abc import AsyncIterator
from urllib.parse import quote

from polyfn.toolchain.emulation.exchange import Exchange
from polyfn.toolchain.emulation.upstream import Upstream
from polyfn_azure.emulator.headers import AGENT, HOP_BY_HOP, Pairs, host_headers, without
from polyfn_azure.emulator.http_value import query, sized


async def forwarded(
    exchange: Exchange, body: bytes, upstream: Upstream, invocation: str
) -> tuple[int, Pairs, bytes]:
    """Send a request on and return the whole response. Raises Unreachable, Broken.

    The body goes along only if the request had a Content-Length above 0, and redirects are not followed.
    """
    sent = sized(exchange)
    call = await upstream.call(
        exchange.method,
        _target(exchange),
        _headers(exchange, invocation, sent=sent),
        _once(body) if sent else None,
    )
    try:
        head = await call.head()
        told = b"".join([chunk async for chunk in call.chunks()])
    finally:
        await call.close()
    return head.status, without(head.headers, HOP_BY_HOP | {"content-length"}), told


def _target(exchange: Exchange) -> str:
    """Return the path as it came, and the query rebuilt: a name that is there twice has its values joined."""
    pairs = query(exchange.query).items()
    told = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return exchange.path + (f"?{told}" if told else "")


def _headers(exchange: Exchange, invocation: str, *, sent: bool) -> Pairs:
    dropped = HOP_BY_HOP | {"expect"} | (frozenset() if sent else {"content-length", "content-type"})
    kept = without(exchange.headers, dropped)
    own = host_headers(invocation)
    agents = [value for name, value in kept if name.lower() == "user-agent"]
    if agents:
        # The host adds itself to the client's, which stays the first.
        kept = [pair for pair in kept if pair[0].lower() != "user-agent"]
        own[-1] = ("User-Agent", f"{agents[0]} {AGENT}")
    if not any(name.lower() == "host" for name, _ in kept):
        kept.insert(0, ("Host", f"localhost:{exchange.local_port}"))
    names = {name.lower() for name, _ in own}
    return [*(pair for pair in kept if pair[0].lower() not in names), *own]


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body
