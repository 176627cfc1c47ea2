r"""The native event of Azure Functions, written as JSON: what the host posts, or an HTTP request.

    {"Data": {"message": "\"text\""}, "Metadata": {"DequeueCount": "1"}, "function": "fulfil"}
    {"method": "POST", "path": "/", "headers": [["Content-Type", "text/plain"]], "body": "text"}

The first is an envelope in the host's own encodings; `function` is there where an app has several. The
second goes through the front: `body` is text, or any other JSON, which is sent as JSON; `body_base64`
takes its place for bytes.
"""

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyfn.toolchain.errors import EventFileError

KEYS = ("method", "path", "headers", "body", "body_base64")
#: A header's name and value (RFC 9110, 5.6.2 and 5.5); a value's bytes stand for Latin-1.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_HINT = 'such as {"Data": {...}, "Metadata": {...}}, or {"method": "POST", "path": "/", "body": "..."}'


@dataclass(frozen=True)
class RequestEvent:
    """A request that is still to be sent: `path` is the raw target, `headers` keep their order."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of this name, in any case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True)
class EnvelopeEvent:
    """What is posted to a function; `function` is its name, if the event says it."""

    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    function: str | None


def native_event(event: bytes) -> EnvelopeEvent | RequestEvent:
    """Read a native event. Raises EventFileError."""
    try:
        told = json.loads(event)
    except (ValueError, RecursionError) as error:
        raise EventFileError(f"the event is not JSON: {error}", hint=_HINT) from None
    if not isinstance(told, dict):
        raise EventFileError(
            "the event is no object: an envelope, or the description of a request", hint=_HINT
        )
    if "Data" in told or "Metadata" in told:
        return _envelope(told)
    return _request(told)


def _envelope(told: dict[str, Any]) -> EnvelopeEvent:
    if unknown := [key for key in told if key not in ("Data", "Metadata", "function")]:
        raise EventFileError(f"the envelope has the unknown key {unknown[0]!r}", hint=_HINT)
    data, metadata, function = told.get("Data"), told.get("Metadata", {}), told.get("function")
    if not isinstance(data, dict) or not data or not isinstance(metadata, dict):
        raise EventFileError(
            "the envelope's Data and Metadata are no objects with names and values", hint=_HINT
        )
    if not isinstance(function, str | None):
        raise EventFileError(f"the envelope's function is {function!r}, not a name", hint=_HINT)
    return EnvelopeEvent(data, metadata, function)


def _request(told: dict[str, Any]) -> RequestEvent:
    if unknown := [key for key in told if key not in KEYS]:
        raise EventFileError(f"the event has the unknown key {unknown[0]!r}", hint=f"keys: {', '.join(KEYS)}")
    method, path = told.get("method", "POST"), told.get("path", "/")
    if not isinstance(method, str) or not method.isascii() or not method.isalpha():
        raise EventFileError(f"the event's method is {method!r}, not a word such as POST", hint=_HINT)
    if not isinstance(path, str) or not path.startswith("/") or not all("!" <= c <= "~" for c in path):
        raise EventFileError(
            f"the event's path is {path!r}: it begins with / and holds printable ASCII alone",
            hint="percent-encode other characters",
        )
    return RequestEvent(method, path, _headers(told.get("headers", [])), _body(told))


def _headers(told: Any) -> tuple[tuple[str, str], ...]:
    pairs = list(told.items()) if isinstance(told, dict) else told
    if not isinstance(pairs, list):
        raise EventFileError("the event's headers are not a list of [name, value]", hint=_HINT)
    return tuple(_header(pair) for pair in pairs)


def _header(pair: Any) -> tuple[str, str]:
    if isinstance(pair, list | tuple) and len(pair) == 2:
        name, value = pair
        if isinstance(name, str) and isinstance(value, str):
            value = value.strip(" \t")
            if _NAME.fullmatch(name) and _VALUE.fullmatch(value):
                return name, value
    raise EventFileError(
        f"the event's header {json.dumps(pair)} is not [name, value] that HTTP can carry",
        hint="both are text; the name is a token, and the value has no line breaks",
    )


def _body(told: dict[str, Any]) -> bytes:
    if "body_base64" in told:
        if "body" in told:
            raise EventFileError("the event has both body and body_base64", hint="leave one of them out")
        try:
            return b64decode(told["body_base64"], validate=True)
        except (Base64Error, ValueError, TypeError):
            raise EventFileError("the event's body_base64 is not base64", hint=_HINT) from None
    body = told.get("body")
    if body is None:
        return b""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
