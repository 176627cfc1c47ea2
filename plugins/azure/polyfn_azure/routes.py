"""A route as polyfn has it, as ASP.NET Core's router has it, which is the host's.

| polyfn | host |
|---|---|
| none: every path | `{*path}` |
| `/orders/{id}` | `orders/{id}` |
| `/files/{rest...}` | `files/{*rest}` |
| `/` | `/`, and behind a prefix `{root:maxlength(0)?}` |

An empty route is none to the host, which puts the function's name in its place
(github.com/Azure/Azure-Functions/issues/2473).
"""

from __future__ import annotations

from polyfn.runtime.percent import unquote

#: The methods that an httpTrigger can name.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
#: First segments that the host keeps for its own pages, where there is no prefix.
RESERVED = frozenset({"admin", "runtime"})


def host_route(route: str | None, prefix: str = "") -> str:
    """Return the route of function.json. Raises ValueError for one that the host cannot have."""
    if route is None:
        return "{*path}"
    if route == "/":
        return "{root:maxlength(0)?}" if prefix else "/"
    segments = route[1:].split("/")
    if segments[-1] == "":
        # The host minds no slash at the end; polyfn does, when the request has come.
        del segments[-1]
    written = "/".join(_segment(segment, route) for segment in segments)
    if not prefix and segments[0].lower() in RESERVED:
        raise ValueError(f"the host keeps /{segments[0]} for itself, so the route {route} is never reached")
    return written


def shape(route: str | None) -> str:
    """Return what the host's router tells routes apart by: neither case, nor names, nor a last slash."""
    text = host_route(route).lower() if route != "/" else ""
    return "/".join(
        ("{*}" if segment.startswith("{*") else "{}") if segment.startswith("{") else segment
        for segment in text.split("/")
    )


def _segment(segment: str, route: str) -> str:
    if segment.startswith("{"):
        return f"{{*{segment[1:-4]}}}" if segment.endswith("...}") else segment
    plain = unquote(segment)
    if not plain or any(sign in plain for sign in "/?*{}~"):
        raise ValueError(
            f"the route {route} has a segment {segment!r}, which the host cannot have in a route"
        )
    return plain
