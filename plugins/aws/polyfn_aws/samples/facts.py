"""What the samples share: made-up account facts, and the example payload."""

from __future__ import annotations

import base64
from typing import Any

from polyfn.runtime import json

REGION = "eu-central-1"
ACCOUNT = "111122223333"
ID = "5f0c2c1e-7f3d-4b53-9d55-2f8f0c9a6a10"
#: The same moment in the three ways in which AWS writes it.
WHEN = "2026-01-15T06:00:00Z"
WHEN_GATEWAY = "15/Jan/2026:06:00:00 +0000"
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


def base64_of(payload: str) -> str:
    """Return text as Base64."""
    return base64.b64encode(payload.encode()).decode()


def arn(service: str, resource: str) -> str:
    """Return an ARN in the made-up account."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
