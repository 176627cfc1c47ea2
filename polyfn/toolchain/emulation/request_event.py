"""A native event of platforms that speak HTTP: a request, written as JSON.

    {"method": "POST", "path": "/", "headers": [["Content-Type", "text/plain"]], "body": "text"}

`body` is text, or any other JSON, which is sent as JSON; `body_base64` takes its place for bytes.
"""

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, replace
from typing import Any

from polyfn.toolchain.errors import EventFileError

KEYS = ("method", "path", "headers", "body", "body_base64")
#: A header's name and value (RFC 9110, 5.6.2 and 5.5); a value's bytes stand for Latin-1.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_HINT = 'such as {"method": "POST", "path": "/", "headers": [["ce-id", "1"]], "body": "..."}'


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

    def having(self, name: str, value: str) -> "RequestEvent":
        """Return the same request with one value for this header, in its place or at the end."""
        wanted, done, headers = name.lower(), False, []
        for key, old in self.headers:
            if key.lower() != wanted:
                headers.append((key, old))
            elif not done:
                headers.append((key, value))
                done = True
        if not done:
            headers.append((name, value))
        return replace(self, headers=tuple(headers))


def request_event(event: bytes) -> RequestEvent:
    """Read an event that is a request. Raises EventFileError."""
    told = parsed(event, _HINT)
    if not isinstance(told, dict):
        raise EventFileError("the event is not an object that describes a request", hint=_HINT)
    return described(told)


def parsed(event: bytes, hint: str) -> Any:
    """Decode an event that is JSON. Raises EventFileError with this hint."""
    try:
        return json.loads(event)
    except (ValueError, RecursionError) as error:
        raise EventFileError(f"the event is not JSON: {error}", hint=hint) from None


def described(told: dict[str, Any]) -> RequestEvent:
    """Make the request that an object describes. Raises EventFileError."""
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
