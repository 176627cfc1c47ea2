"""HTTP in the envelope: what the host makes of a request before it becomes JSON, into a Request.

    {"Url", "Method", "Query": {}, "Headers": {name: [values]}, "Params": {}, "Identities": [...], "Body"}

| | in the envelope (read in the host's HttpRequestExtensions.GetRequestAsJObject) |
|---|---|
| body | a string: base64 for application/octet-stream and multipart; all else was read as text |
| no body | where the client sent no Content-Length, or one of 0: what it sent in chunks is lost |
| query | one value per name, joined by commas; the URL has it as it was sent |

The address of the client is not told.
"""

from polyfn.http import Headers, Request
from polyfn_azure.runtime.envelope import EnvelopeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.transport import Strip

#: The name of the binding.
NAME = "req"

_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: What may stand in a path and in a query as it is (RFC 3986, 3.3 and 3.4), with what is encoded already.
_UNRESERVED = _ALNUM + b"-._~"
_PATH = _UNRESERVED + b"/:@!$&'()*+,;=%"
_QUERY = _PATH + b"?"


def request_of(invocation: "Invocation", strip: "Strip") -> "Request[Any]":
    """Decode the request of an envelope; `strip` takes the route prefix off. Raises EnvelopeError."""
    told = invocation.value(NAME)
    if not isinstance(told, dict):
        raise EnvelopeError(f"Data.{NAME} is no object: it is no request as the host writes one")
    url, method = told.get("Url"), told.get("Method")
    if not isinstance(url, str) or not isinstance(method, str) or not method:
        raise EnvelopeError(f"Data.{NAME} has no Url or no Method")
    scheme, host, path, query = _split(url)
    path, base = strip(path) or (path, "")
    headers = _headers(_mapping(told, "Headers"))
    return Request(
        method=method,
        raw_path=path,
        raw_query=query or _query(_mapping(told, "Query")),
        headers=headers,
        body=_body(told.get("Body"), headers.get("content-type")),
        base_path=base,
        scheme=scheme,
        host=headers.get("host") or host,
        id=invocation.id,
        native={"Data": invocation.data, "Metadata": invocation.metadata},
    )


def _mapping(told: "dict[str, Any]", name: str) -> "dict[str, Any]":
    found = told.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise EnvelopeError(f"Data.{NAME}.{name} is no object")
    return found


def _split(url: str) -> "tuple[str | None, str | None, str, str]":
    """Return scheme, host, path and query of an absolute URL, or of a path."""
    rest, _, query = url.partition("#")[0].partition("?")
    scheme, found, place = rest.partition("://")
    if not found or "/" in scheme:
        return None, None, _legal(rest or "/", _PATH), _legal(query, _QUERY)
    host, _, path = place.partition("/")
    return scheme.lower() or None, host or None, _legal(f"/{path}", _PATH), _legal(query, _QUERY)


def _legal(text: str, legal: bytes) -> str:
    """Percent-encode what may not stand in a URL."""
    raw = text.encode("utf-8", "surrogatepass")
    if not raw.translate(None, legal):
        return text
    return "".join(chr(byte) if byte in legal else f"%{byte:02X}" for byte in raw)


def _query(told: "dict[str, Any]") -> str:
    """The query that decodes to what the host decoded, where the URL has none."""
    pairs = [(_legal(name, _UNRESERVED), _legal(str(value), _UNRESERVED)) for name, value in told.items()]
    return "&".join(f"{name}={value}" for name, value in pairs)


def _headers(told: "dict[str, Any]") -> Headers:
    headers = Headers()
    for name, values in told.items():
        for value in values if isinstance(values, list) else [values]:
            try:
                headers.add(name, "" if value is None else value)
            except ValueError:
                raise EnvelopeError(f"Data.{NAME}.Headers has what cannot be a header") from None
    return headers


def _body(told: "Any", content_type: str | None) -> bytes:
    if told is None or told == "":
        return b""
    if not isinstance(told, str):
        # No host was seen to do so; an object's meaning is clear all the same.
        from polyfn.runtime import json

        return json.dumps(told)
    if not _is_base64(content_type):
        return told.encode("utf-8", "surrogatepass")
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(told, strict_mode=True)
    except (Error, ValueError):
        raise EnvelopeError(f"Data.{NAME}.Body is no Base64, which it is for its Content-Type") from None


def _is_base64(content_type: str | None) -> bool:
    media = "" if content_type is None else content_type.partition(";")[0].strip().lower()
    return media == "application/octet-stream" or media.startswith("multipart/")
