"""A made-up function app, and how payloads are written."""

from __future__ import annotations

from typing import Any

from polyfn.runtime import json

ACCOUNT = "samplestorage"
NAMESPACE = "sample.servicebus.windows.net"
TOPIC = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/sample/providers/"
ID = "b9d2f1a4-6c1e-4b7a-9f35-1d0c52e8a7b6"
ETAG = "0x8DE53F0A1B2C3D4"
WHEN = "2026-01-15T06:00:00.123Z"
#: The same as the host has it in metadata, where fractions of seconds are lost.
SECOND = "2026-01-15T06:00:00+00:00"
EPOCH = 1768456800

#: Samples by name; the first is the default form.
Made = list[tuple[str, Any]]


def example(data: Any | None) -> Any:
    """Return the payload to send: the user's, or a small one."""
    return {"name": "world"} if data is None else data


def text(data: Any | None) -> str:
    """Return the payload as text: a str as it is, all else as JSON."""
    payload = example(data)
    return payload if isinstance(payload, str) else json.dumps(payload).decode()
