"""The headers that the host puts on what it sends to a handler."""

import re
import secrets
from collections.abc import Sequence

from polyfn_azure.emulator.configuration import VERSION

Pairs = list[tuple[str, str]]

INVOCATION = "X-Azure-Functions-InvocationId"
#: Only the proxy sets it, over whatever a client sent.
CORRELATION = "x-ms-invocation-id"
AGENT = f"Azure-Functions-Host/{VERSION}"
#: Headers that concern one connection alone (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def host_headers(invocation: str) -> Pairs:
    """Return the three that every request of an invocation has."""
    return [
        ("X-Azure-Functions-HostVersion", VERSION),
        (INVOCATION, invocation),
        ("User-Agent", AGENT),
    ]


def traceparent(told: str | None = None) -> str:
    """Go on with a trace, with a span of the host's own, or begin one that is not recorded."""
    found = _TRACEPARENT.fullmatch(told or "")
    trace, flags = (found[1], found[3]) if found and int(found[1], 16) else (secrets.token_hex(16), "00")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


def without(headers: Sequence[tuple[str, str]], dropped: frozenset[str]) -> Pairs:
    """Leave out these headers, and those that Connection names."""
    named = {
        word.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for word in value.split(",")
    }
    gone = dropped | (named - {"content-length", "host"})
    return [(name, value) for name, value in headers if name.lower() not in gone]
