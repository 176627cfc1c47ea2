"""A made-up project, and how payloads and requests are written."""

from __future__ import annotations

import base64
from typing import Any

from polyfn.runtime import json

PROJECT = "sample-project"
NUMBER = "123456789012"
REGION = "europe-west1"
HOST = f"sample-{NUMBER}.{REGION}.run.app"
ID = "9175832054621733"
WHEN = "2026-01-15T06:00:00.123Z"
EPOCH = 1768456800.123

#: Samples by name; the first is the default form.
Made = list[tuple[str, Any]]

#: What Cloud Run's front end adds to every request.
_FRONT = [
    ("host", HOST),
    ("forwarded", 'for="203.0.113.7";proto=https'),
    ("traceparent", "00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-01"),
    ("x-cloud-trace-context", "0123456789abcdef0123456789abcdef/67667974448284343;o=1"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "https"),
]
#: What of the sender's identity is left once Cloud Run's front end has checked it.
IDENTITY = ("authorization", "Bearer EXAMPLE.EXAMPLE.SIGNATURE_REMOVED_BY_GOOGLE")


def example(data: Any | None) -> Any:
    """Return the payload to send: the user's, or a small one."""
    return {"name": "world"} if data is None else data


def text(data: Any | None) -> str:
    """Return the payload as text: a str as it is, all else as JSON."""
    payload = example(data)
    return payload if isinstance(payload, str) else json.dumps(payload).decode()


def base64_of(payload: str) -> str:
    """Return text as Base64."""
    return base64.b64encode(payload.encode("utf-8", "surrogatepass")).decode()


def request(
    method: str, path: str, headers: list[tuple[str, str]], body: str | bytes | None = None
) -> dict[str, Any]:
    """Return a request in the form that `samples` describes."""
    made: dict[str, Any] = {"method": method, "path": path}
    made["headers"] = [[name, value] for name, value in (*_FRONT, *headers)]
    return made if body is None else made | _body(body)


def _body(body: str | bytes) -> dict[str, str]:
    if isinstance(body, str):
        return {"body": body}
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def posted(name: str, headers: list[tuple[str, str]], body: Any) -> dict[str, Any]:
    """Return a POST of JSON by a service of Google's to a function's own path."""
    content = ("content-type", "application/json")
    return request("POST", f"/{name}", [IDENTITY, content, *headers], json.dumps(body))
