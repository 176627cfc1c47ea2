"""CloudEvents 1.0 as senders write them over HTTP."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from polyfn.runtime import json

#: Printable ASCII but space, `"` and `%` (HTTP protocol binding, 3.1.3.2).
_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def binary(event: dict[str, Any]) -> tuple[list[tuple[str, str]], bytes | None]:
    """Return headers and body of an event in its JSON format, in binary mode."""
    headers = [
        (f"ce-{name}", quote(_text(value), safe=_SAFE))
        for name, value in event.items()
        if name not in ("data", "data_base64", "datacontenttype") and value is not None
    ]
    content_type = event.get("datacontenttype")
    if content_type is not None:
        headers.append(("content-type", content_type))
    if "data_base64" in event:
        return headers, base64.b64decode(event["data_base64"])
    if "data" not in event:
        return headers, None
    data = event["data"]
    as_json = content_type is None or content_type.partition(";")[0].endswith(("/json", "+json"))
    return headers, data.encode() if isinstance(data, str) and not as_json else json.dumps(data)


def _text(value: Any) -> str:
    """An attribute's canonical text (CloudEvents 1.0, 3.1)."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def structured(event: dict[str, Any]) -> tuple[list[tuple[str, str]], bytes]:
    """Return headers and body in structured mode."""
    return [("content-type", "application/cloudevents+json; charset=utf-8")], json.dumps(event)


def batch(events: list[dict[str, Any]]) -> tuple[list[tuple[str, str]], bytes]:
    """Return headers and body of several events at once."""
    return [("content-type", "application/cloudevents-batch+json; charset=utf-8")], json.dumps(events)
