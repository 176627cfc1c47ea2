"""The HTTP response that the host makes of an envelope's output (HttpOutputBindingResponse, HttpBinding)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyfn_azure.emulator.decoding import Unwritable
from polyfn_azure.emulator.dotnet import dated, dumps, printed

_FIELDS = ("statuscode", "status", "headers", "body")
#: Headers that frame the response are the server's own.
_FRAMING = ("content-length", "transfer-encoding", "connection")


@dataclass(frozen=True)
class Response:
    """A whole response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


#: What a client gets where the function gave no response.
EMPTY = Response(200, (), b"")


def response(told: Any) -> Response:
    """Make the response of an output: of an object, or of text that is its JSON. Raises Unwritable.

    Only status, headers and body survive. A header has one value: a list is printed as text.
    """
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except (ValueError, RecursionError):
            raise Unwritable("the HTTP output is text and no object with statusCode, headers, body") from None
    if not isinstance(told, Mapping):
        raise Unwritable("the HTTP output is no object with statusCode, headers, body")
    fields = {key.lower(): value for key, value in told.items() if key.lower() in _FIELDS}
    headers = _headers(fields.get("headers"))
    kind, body = _body(fields.get("body"))
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    return Response(_status(fields), tuple(headers), body)


def _status(fields: Mapping[str, Any]) -> int:
    told = fields.get("statuscode")
    told = fields.get("status") if told is None else told
    if told is None:
        return 200
    text = printed(told)
    if not (text.isascii() and text.isdigit() and 100 <= int(text) <= 999):
        raise Unwritable(f"the HTTP output's status is {told!r}, which is no number")
    return int(text)


def _headers(told: Any) -> list[tuple[str, str]]:
    if not isinstance(told, Mapping):
        return []
    pairs = [(str(name), printed(dated(value))) for name, value in told.items()]
    # A line break cannot be sent: the server refuses it.
    if wrong := [name for name, value in pairs if any(ord(letter) < 32 for letter in name + value)]:
        raise Unwritable(f"the HTTP output's header {wrong[0]!r} holds a control character")
    return [
        (name, value.encode("utf-8", "replace").decode("latin-1"))
        for name, value in pairs
        if name.lower() not in _FRAMING
    ]


def _body(told: Any) -> tuple[str, bytes]:
    if told is None:
        return "", b""
    if isinstance(told, str):
        return "text/plain; charset=utf-8", told.encode("utf-8", "replace")
    return "application/json; charset=utf-8", dumps(told).encode("utf-8", "replace")
