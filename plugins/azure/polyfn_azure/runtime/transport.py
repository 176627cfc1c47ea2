"""Which of the host's transports a request came by. All of them come to one port.

| | how it is told |
|---|---|
| proxied | `x-ms-invocation-id`, which the host sets whatever a client says, and on nothing else |
| envelope | `POST /NAME` of an enveloped function, with an invocation id, to the address the host dials |
| ping | `GET /` without an invocation id: the host asks whether the process is there |
| forwarded | what else has an invocation id |
| plain | the rest: somebody on this machine |

A client decides nothing of it. Of a proxied request the mark is the host's. Of a forwarded one, method,
path, query and headers are the client's: that its path is no enveloped function's follows from `plan`,
and the Host header, which is copied with the others, is one of a site and not of this loopback port.
"""

from polyfn.runtime.incoming import ScopeHeaders, raw_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import Any, TypeAlias

    from polyfn.http import Headers

    Strip: TypeAlias = Callable[[str], tuple[str, str] | None]

PROXIED = "proxied"
ENVELOPE = "envelope"
PING = "ping"
FORWARDED = "forwarded"
PLAIN = "plain"

MARK = "x-ms-invocation-id"
INVOCATION_ID = "x-azure-functions-invocationid"
HOST_VERSION = "x-azure-functions-hostversion"


def tell(
    method: str,
    path: str,
    query: str,
    headers: "Headers",
    enveloped: "Container[str]",
    authority: str | None = None,
) -> str:
    """Return one of the words above. `path` and `query` are as they were sent.

    `authority` is where the host connects to, such as `127.0.0.1:41234`; None does not look at it.
    """
    if MARK in headers:
        return PROXIED
    if INVOCATION_ID not in headers:
        return PING if method == "GET" and path == "/" else PLAIN
    if method != "POST" or path[1:] not in enveloped or path[0] != "/" or query:
        return FORWARDED
    return ENVELOPE if authority is None or headers.get("host") == authority else FORWARDED


def of_scope(scope: "Any", enveloped: "Container[str]", authority: str | None = None) -> str:
    """Tell it of an ASGI scope."""
    return tell(
        scope["method"],
        raw_path(scope),
        scope["query_string"].decode("latin-1"),
        ScopeHeaders(scope["headers"]),
        enveloped,
        authority,
    )


def stripper(prefix: str) -> "Strip":
    """Return what takes the route prefix off a path: (path, what was taken off), None if it is not there.

    The host's router minds no case, and what was taken off is what the client wrote.
    """
    if not prefix:
        return lambda path: (path, "")
    low = f"/{prefix}".lower()
    size = len(low)

    def strip(path: str) -> "tuple[str, str] | None":
        if path[:size].lower() != low or path[size : size + 1] not in ("", "/"):
            return None
        return path[size:] or "/", path[:size]

    return strip
