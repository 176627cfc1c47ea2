"""HTTP in: the four envelopes of API Gateway, Function URLs and load balancers into one Request.

What each sender does to a request before it becomes JSON (documented by AWS unless marked):

| | rest | http-api, function-url | alb |
|---|---|---|---|
| path | encoded, without the stage | http-api decodes it (observed) and keeps the stage | encoded |
| query | decoded, grouped by name | `rawQueryString`, as sent | still encoded, grouped by name |
| repeated headers | `multiValueHeaders` | joined by comma | one, or `multiValueHeaders` if set so |
| cookies | a header | `cookies` | a header |

Anything of it may be null or missing: consoles, test tools and health checks leave parts out.
"""

from polyfn.errors import PayloadError
from polyfn.http import Headers, Request
from polyfn_aws.runtime.verify import ALB, REST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: What may stand in each part of a URL as it is (RFC 3986, 3.3 and 3.4), but for `%`.
_UNRESERVED = _ALNUM + b"-._~"
_PATH = _UNRESERVED + b"/:@!$&'()*+,;="
_QUERY = _PATH + b"?"
_VALUE = _QUERY.replace(b"&", b"")
_NAME = _VALUE.replace(b"=", b"")
_HEX = b"0123456789ABCDEFabcdef"


def request_of(event: "dict[str, Any]", form: str, base_path: str) -> "Request[Any]":
    """Decode an envelope of this form; `base_path` is the project's own, taken off after the stage."""
    if form in (ALB, REST):
        return _first_format(event, form, base_path)
    return _second_format(event, base_path)


def _first_format(event: "dict[str, Any]", form: str, base_path: str) -> "Request[Any]":
    context = event["requestContext"]
    headers = _headers(event)
    if form == ALB:
        client = _last_hop(headers)
        raw_query = _alb_query(event)
        stage, path = "", _legal(event["path"], _PATH)
    else:
        client = (context.get("identity") or {}).get("sourceIp")
        raw_query = _rest_query(event)
        stage, path = _rest_path(event, context)
    path, prefix = _strip(path, base_path)
    return Request(
        method=event["httpMethod"],
        raw_path=path,
        raw_query=raw_query,
        headers=headers,
        body=_body(event),
        base_path=stage + prefix,
        client=client,
        scheme=headers.get("x-forwarded-proto"),
        host=headers.get("host") or context.get("domainName"),
        id=context.get("requestId"),
        time=_seconds(context.get("requestTimeEpoch")),
        native=event,
    )


def _second_format(event: "dict[str, Any]", base_path: str) -> "Request[Any]":
    context = event["requestContext"]
    headers = _headers(event)
    cookies = event.get("cookies")
    if cookies:
        # The array is the whole of it; test tools send the header as well.
        headers.set("cookie", "; ".join(cookies))
    path = _legal(event["rawPath"], _PATH)
    path, stage = _strip(path, _stage_in_path(context))
    path, prefix = _strip(path, base_path)
    return Request(
        method=context["http"]["method"],
        raw_path=path,
        raw_query=_legal(event.get("rawQueryString") or "", _QUERY),
        headers=headers,
        body=_body(event),
        base_path=stage + prefix,
        client=context["http"].get("sourceIp"),
        scheme=headers.get("x-forwarded-proto"),
        host=headers.get("host") or context.get("domainName"),
        id=context.get("requestId"),
        time=_seconds(context.get("timeEpoch")),
        native=event,
    )


def _headers(event: "dict[str, Any]") -> Headers:
    """Every header, in order; the single form only where the multi-value one does not have the name."""
    headers = Headers()
    seen = set()
    for name, values in (event.get("multiValueHeaders") or {}).items():
        seen.add(name.lower())
        for value in values or ():
            headers.add(name, _one_line(value))
    for name, value in (event.get("headers") or {}).items():
        if name.lower() not in seen and value is not None:
            headers.add(name, _one_line(value))
    return headers


def _one_line(value: "Any") -> str:
    """A header's value as text; folded lines, which old clients still send, on one line (RFC 9112, 5.2)."""
    text = value if isinstance(value, str) else str(value)
    if "\n" in text or "\r" in text or "\0" in text:
        return " ".join(text.replace("\0", " ").split())
    return text


def _body(event: "dict[str, Any]") -> bytes:
    body = event.get("body")
    if not body:
        return b""
    if not isinstance(body, str):
        raise _handmade("the event's body is not a string")
    if event.get("isBase64Encoded"):
        from binascii import Error, a2b_base64

        try:
            return a2b_base64(body)
        except Error:
            raise _handmade("the event says isBase64Encoded, but its body is not base64") from None
    return body.encode("utf-8", "surrogatepass")


def _handmade(what: str) -> PayloadError:
    return PayloadError(what, hint="no gateway sends this: check the test event that was written by hand")


def _last_hop(headers: Headers) -> str | None:
    """The client of a load balancer: the last entry of X-Forwarded-For, without its port.

    The balancer appends the address that it sees (its default, `append`); everything before it came
    from the client and says whatever the client likes.
    """
    forwarded = headers.all("x-forwarded-for")
    if not forwarded:
        return None
    hop = forwarded[-1].rpartition(",")[2].strip()
    if hop.startswith("["):
        return hop[1:].partition("]")[0] or None
    if hop.count(":") == 1:
        hop = hop.partition(":")[0]
    return hop or None


def _rest_path(event: "dict[str, Any]", context: "dict[str, Any]") -> "tuple[str, str]":
    """Return (stage in front of the path as the client sent it, or "", path without it)."""
    path = _legal(event["path"], _PATH)
    full = context.get("path")
    if isinstance(full, str):
        full = _legal(full, _PATH)
        stage = "/" + (context.get("stage") or "")
        if full == stage + path or (path == "/" and full == stage):
            return stage, path
        if event.get("version") == "1.0" and full == path:
            # An HTTP API that sends format 1.0 leaves the stage in the path, as it does in 2.0.
            path, stage = _strip(path, _stage_in_path(context))
            return stage, path
    return "", path


def _stage_in_path(context: "dict[str, Any]") -> str:
    """The stage as a prefix, if the domain is API Gateway's own: a custom domain has none in its paths."""
    stage = context.get("stage")
    domain = context.get("domainName")
    if not stage or stage == "$default" or not isinstance(domain, str) or ".execute-api." not in domain:
        return ""
    return f"/{stage}"


def _strip(path: str, prefix: str) -> "tuple[str, str]":
    """Take `prefix` off `path` at a segment's boundary; return both, the prefix as "" if it is not there."""
    if prefix and path.startswith(prefix):
        rest = path[len(prefix) :]
        if not rest:
            return "/", prefix
        if rest[0] == "/":
            return rest, prefix
    return path, ""


def _rest_query(event: "dict[str, Any]") -> str:
    """The query that decodes to what the gateway decoded: the original spelling is lost with it."""
    return "&".join(
        _quote(name) if value is None else f"{_quote(name)}={_quote(value)}" for name, value in _pairs(event)
    )


def _alb_query(event: "dict[str, Any]") -> str:
    """The query as the client sent it, but for the order between different names."""
    return "&".join(
        _legal(name, _NAME) if value is None else f"{_legal(name, _NAME)}={_legal(value, _VALUE)}"
        for name, value in _pairs(event)
    )


def _pairs(event: "dict[str, Any]") -> "list[tuple[str, str | None]]":
    multi = event.get("multiValueQueryStringParameters") or {}
    single = event.get("queryStringParameters") or {}
    pairs = [(name, value) for name, values in multi.items() for value in (values or [None])]
    pairs.extend((name, value) for name, value in single.items() if name not in multi)
    return pairs


def _quote(text: str) -> str:
    """Percent-encode all but the unreserved characters, as urllib.parse does, which would import re."""
    raw = text.encode("utf-8", "surrogatepass")
    if not raw.translate(None, _UNRESERVED):
        return text
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in raw)


def _legal(text: str, legal: bytes) -> str:
    """Percent-encode what may not stand in a URL; what is encoded already stays as it is."""
    raw = text.encode("utf-8", "surrogatepass")
    if not raw.translate(None, legal):
        return text
    parts = []
    for index, byte in enumerate(raw):
        if byte in legal or (byte == 0x25 and _is_escape(raw[index + 1 : index + 3])):
            parts.append(chr(byte))
        else:
            parts.append(f"%{byte:02X}")
    return "".join(parts)


def _is_escape(digits: bytes) -> bool:
    return len(digits) == 2 and not digits.translate(None, _HEX)


def _seconds(milliseconds: "Any") -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, (int, float)) else None
