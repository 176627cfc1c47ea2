"""Requests of HTTP clients."""

from __future__ import annotations

import re
from typing import Any

from polyfn.runtime import json
from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.samples.facts import Made, example, text

_BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")


def path_of(route: str | None) -> str:
    """Fill a route's parameters with their own names."""
    return re.sub(r"{(.+?)}", lambda found: found[1].removesuffix("..."), route or "/")


def http(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one request; the route's parameters are their own names."""
    method = str(entry.trigger.get("method") or ("GET" if data is None else "POST"))
    body = text(data) if data is not None or method not in _BODILESS else None
    return [("http", _sent(method, path_of(entry.trigger.get("route")), body))]


def call(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one call of a function by its name, with JSON as its body."""
    return [("call", _sent("POST", f"/{entry.name}", json.dumps(example(data)).decode()))]


def _sent(method: str, path: str, body: str | None) -> dict[str, Any]:
    headers = [["accept", "*/*"], ["user-agent", "curl/8.5.0"]]
    if body is not None:
        headers.append(["content-type", "application/json"])
    sent: dict[str, Any] = {"method": method, "path": path, "headers": headers}
    return sent if body is None else sent | {"body": body}
