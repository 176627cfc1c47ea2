"""HTTP out: a Reply into the JSON that each source demands, or into a stream with its prelude.

| | headers | repeated headers | cookies | beyond |
|---|---|---|---|---|
| rest | `multiValueHeaders` alone | in their lists | in the lists: another top-level key is a 502 | |
| http-api, function-url | `headers` | joined by comma | `cookies` | |
| alb | `multiValueHeaders` iff the request had them | lists; joined | `_alone` | status text |

Documented in "Lambda proxy integrations", "Working with AWS Lambda proxy integrations for HTTP
APIs", "Invoking Lambda function URLs" and "Lambda functions as targets".

Streaming: a reply of content type `application/vnd.awslambda.http-integration-response` starts with
a JSON prelude and 8 NUL bytes, then the body as it is. REST APIs document it (keys `statusCode`,
`headers`, `multiValueHeaders`, `cookies`, within the first 16 KB, response transfer mode STREAM, which
then expects it of every reply); for Function URLs (invoke mode RESPONSE_STREAM) it is read in the
sources of AWS's own runtimes, with `headers` and `cookies` only. HTTP APIs and load balancers cannot.
"""

from polyfn.runtime import json
from polyfn_aws.runtime.verify import ALB, REST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.http import Headers
    from polyfn.runtime.replies import Reply
    from polyfn_aws.runtime.answers import Streamed

STREAMED = "application/vnd.awslambda.http-integration-response"

#: The largest reply as JSON, in bytes: Lambda's own limit, and the load balancer's (1 MB).
LIMIT = 6 * 1024 * 1024 + 100
ALB_LIMIT = 1024 * 1024

#: These describe the connection to the client, which is not ours.
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding")


def encode(reply: "Reply", form: str, event: "dict[str, Any]") -> bytes:
    """Encode a buffered reply. Raises ResultError if the platform would refuse it for its size."""
    told: dict[str, Any] = {"statusCode": reply.status}
    if form == ALB:
        told["statusDescription"] = _description(reply.status)
    if form == REST or (form == ALB and event.get("multiValueHeaders") is not None):
        told["multiValueHeaders"] = _lists(reply.headers)
    elif form == ALB:
        told["headers"] = _alone(reply.headers)
    else:
        told["headers"], cookies = _joined(reply.headers)
        if cookies:
            told["cookies"] = cookies
    text = _text(reply)
    if text is None:
        from binascii import b2a_base64

        told["body"] = b2a_base64(reply.body, newline=False).decode("ascii")
    else:
        told["body"] = text
    told["isBase64Encoded"] = text is None
    encoded = json.dumps(told)
    limit = ALB_LIMIT if form == ALB else LIMIT
    if len(encoded) > limit:
        raise _oversize(len(encoded), limit, form, text is None)
    return encoded


def stream(reply: "Reply", form: str) -> "Streamed":
    """Make a streamed reply: the prelude, then the chunks, or the one body there is."""
    from polyfn_aws.runtime.answers import Streamed

    told: dict[str, Any] = {"statusCode": reply.status}
    if form == REST:
        told["multiValueHeaders"] = _lists(reply.headers)
    else:
        told["headers"], told["cookies"] = _joined(reply.headers)
    chunks = reply.stream
    if chunks is None:
        chunks = iter([reply.body] if reply.body else [])
    return Streamed(STREAMED, json.dumps(told) + b"\0" * 8, chunks)


def _kept(headers: "Headers") -> "list[tuple[str, str]]":
    return [(name, _ascii(value)) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP]


def _ascii(value: str) -> str:
    """A header's value in ASCII, beyond which no gateway promises anything.

    What is not ASCII is percent-encoded as UTF-8, which in a URL is just what it means (RFC 3987, 3.1).
    """
    if value.isascii():
        return value
    raw = value.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in raw)


def _lists(headers: "Headers") -> "dict[str, list[str]]":
    """Values by name, under the spelling that came first."""
    names: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for name, value in _kept(headers):
        lists.setdefault(names.setdefault(name.lower(), name), []).append(value)
    return lists


def _joined(headers: "Headers") -> "tuple[dict[str, str], list[str]]":
    """Headers with repeated values joined (RFC 9110, 5.3), and the cookies, which cannot be joined."""
    lists = _lists(headers)
    cookies: list[str] = []
    for name in list(lists):
        if name.lower() == "set-cookie":
            cookies = lists.pop(name)
    return {name: ", ".join(values) for name, values in lists.items()}, cookies


def _alone(headers: "Headers") -> "dict[str, str]":
    """One value per name, for a load balancer without multi-value headers.

    Several cookies go under spellings of `set-cookie` that differ in case. AWS does not document
    that; it works because header names compare without case everywhere behind it.
    """
    single, cookies = _joined(headers)
    for index, cookie in enumerate(cookies):
        single[_spelling("set-cookie", index)] = cookie
    return single


def _spelling(name: str, index: int) -> str:
    """The index-th spelling of a name: the bits of the index say which letters are upper case."""
    letters = []
    for letter in name:
        if letter.isalpha():
            letters.append(letter.upper() if index & 1 else letter)
            index >>= 1
        else:
            letters.append(letter)
    return "".join(letters)


def _text(reply: "Reply") -> str | None:
    """The body as text if its type is text that UTF-8 can say, else None: it goes as base64."""
    if not reply.body:
        return ""
    encoding = reply.headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        return None
    content_type = reply.headers.get("content-type")
    if content_type is not None and not is_text(content_type):
        return None
    try:
        return reply.body.decode()
    except UnicodeDecodeError:
        return None


def is_text(content_type: str) -> bool:
    """Whether a media type is text, and in a charset whose bytes are the UTF-8 that JSON carries."""
    media, _, parameters = content_type.lower().partition(";")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
            return False
    media = media.strip()
    kind, _, subtype = media.partition("/")
    if kind == "text" or subtype.endswith(("+json", "+xml", "+yaml")):
        return True
    return kind == "application" and subtype in _TEXTS


_TEXTS = frozenset((
    "ecmascript", "graphql", "javascript", "json", "jsonl", "ndjson", "sql", "toml", "x-javascript",
    "x-json", "x-ndjson", "x-www-form-urlencoded", "x-yaml", "xml", "xml-dtd", "yaml",
))  # fmt: skip


def _description(status: int) -> str:
    from polyfn.runtime.replies import phrase

    return f"{status} {phrase(status)}"


def _oversize(size: int, limit: int, form: str, encoded: bool) -> Exception:
    from polyfn.errors import ResultError

    grown = " (a third of it from base64)" if encoded else ""
    if form == ALB:
        who, hint = "a load balancer", "store the result and answer with a redirect to where it is"
    else:
        who = "Lambda"
        hint = (
            "yield the body from a Function URL in invoke mode RESPONSE_STREAM, or store it and answer "
            "with a redirect"
        )
    return ResultError(f"the reply has {size} bytes{grown}; {who} takes at most {limit}", hint=hint)
