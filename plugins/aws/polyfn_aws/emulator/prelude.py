"""The head of a streamed HTTP response: a JSON prelude, eight NUL bytes, then the raw body."""

import json
from collections.abc import AsyncIterator
from typing import Any

from polyfn_aws.emulator.http_reply import HttpReply, MalformedReply, checked, finished, single, status_of

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
_END = b"\0" * 8
#: The platform looks no further for the end of the prelude (documented for REST APIs).
_LONGEST = 16 * 1024


async def read_prelude(pieces: AsyncIterator[bytes]) -> HttpReply:
    """Take the prelude off a stream; the reply's body is what came with it. Raises MalformedReply."""
    data = b""
    async for piece in pieces:
        data += piece
        if _END in data or len(data) > _LONGEST:
            break
    head, end, rest = data.partition(_END)
    if not end:
        raise MalformedReply("the stream has no prelude that ends with 8 NUL bytes")
    try:
        told: Any = json.loads(head)
    except ValueError:
        raise MalformedReply("the stream's prelude is not JSON") from None
    if not isinstance(told, dict):
        raise MalformedReply("the stream's prelude is not an object")
    status = status_of(told) if "statusCode" in told else 200
    cookies = told.get("cookies") or []
    if not isinstance(cookies, list):
        raise MalformedReply("cookies is not a list")
    headers = [*single(told), *(checked("set-cookie", cookie) for cookie in cookies)]
    return finished(status, headers, rest, default_type="application/octet-stream")
