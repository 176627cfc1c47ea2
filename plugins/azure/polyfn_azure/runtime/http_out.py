"""HTTP out of the envelope: a Reply as the http output that the host makes a response of.

    {"statusCode": "201", "headers": {"content-type": "text/plain"}, "body": "text"}

The host takes one value per header's name, and a body that is text (read in its source:
HttpOutputBindingResponse; Azure/azure-functions-host issue 8622). What that cannot say is an error in
the log, never a guess.
"""

from polyfn.errors import ResultError
from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.http import Headers
    from polyfn.runtime.replies import Reply

#: The name of the binding; of one named `$return` the host would guess whether its text is base64.
NAME = "res"
#: The way out for what this cannot carry.
PROXIED = (
    'let HTTP be proxied: transport = "proxy" (which needs a host from 4.1041 on), and send what the '
    "function's outputs would with the service's SDK"
)

#: These describe the connection to the client or the length of a body that the host writes itself.
_CONNECTION = frozenset(("connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"))


async def read(reply: "Reply") -> bytes:
    """Return the whole body of a reply, and close what it streams from."""
    if reply.stream is None:
        return reply.body
    from polyfn.runtime.serving import aclose

    try:
        return b"".join([piece async for piece in reply.stream])
    finally:
        await aclose(reply.stream)


def encode(reply: "Reply", body: bytes, *, request_id: str | None = None) -> "dict[str, Any]":
    """Encode a reply with its body. Raises ResultError for a body that is no text."""
    return {
        "statusCode": str(reply.status),
        "headers": _single(reply.headers, request_id),
        "body": _text(body, reply.headers.get("content-type")),
    }


def _single(headers: "Headers", request_id: str | None) -> "dict[str, str]":
    """One value per name: several are joined by comma, but cookies, of which the first stays."""
    single: dict[str, str] = {}
    for name, value in headers:
        low = name.lower()
        if low in _CONNECTION:
            continue
        if low not in single:
            single[low] = value
        elif low == "set-cookie":
            logs.report(
                "ERROR",
                f"a cookie was not sent: the host's envelope has one Set-Cookie per reply; {PROXIED}",
                request_id=request_id,
            )
        else:
            single[low] += f", {value}"
    return single


def _text(body: bytes, content_type: str | None) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = None
    if text is None or not (text.isascii() or _is_utf8(content_type)):
        raise ResultError(
            "the reply's body is binary, and the host's envelope carries UTF-8 text alone", hint=PROXIED
        )
    return text


def _is_utf8(content_type: str | None) -> bool:
    """Whether the host, which encodes text in the charset of its type, makes UTF-8 of it."""
    for parameter in (content_type or "").lower().split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"') in ("utf-8", "utf8", "us-ascii")
    return True
