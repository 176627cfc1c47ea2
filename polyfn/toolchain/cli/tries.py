"""What `polyfn run` says one could try: a command for each function that it serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyfn.toolchain.cli.served import Served
    from polyfn.toolchain.manifest import FunctionEntry

_JSON = """'{"name": "Ada"}'"""


def tries(served: Served, source: str, url: str) -> Iterator[str]:
    """Yield a command for each function, which is served at `url` and was given as `source`."""
    for function in served.functions:
        kind = function.trigger["kind"]
        if kind == "http":
            yield _http(function, url.rstrip("/"))
        elif kind == "call":
            # Where several functions may be served, each is at its name, whether or not it is alone.
            yield f"curl {url}{f'/{function.name}' if served.provider.several else ''} --json {_JSON}"
        else:
            # What the platform sends for it is more than its payload.
            place = source.partition("::")[0]
            yield f"polyfn invoke {place}::{function.name} --target {served.provider.name}"


def _http(function: FunctionEntry, url: str) -> str:
    method, route = function.trigger.get("method"), function.trigger.get("route")
    path = str(route or "/").lstrip("/")
    globs = " -g" if "{" in path else ""
    flag = f" -X {method}" if method not in (None, "GET", "POST") else ""
    sent = f" --json {_JSON}" if method in ("POST", "PUT", "PATCH") else ""
    return f"curl{globs}{flag} {url}/{path}{sent}"
