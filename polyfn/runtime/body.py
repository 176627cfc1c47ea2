"""Reading the body of a request: bounded in size, in pauses and in time."""

from asyncio import get_running_loop

from polyfn.runtime import replies
from polyfn.runtime.patience import Limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any, TypeAlias

    from polyfn.runtime.replies import Reply

    Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

#: Seconds that a client may pause within a body, and that the whole of one may take.
BODY_PAUSE = 20.0
BODY_TIME = 300.0


class Refused(Exception):  # noqa: N818  it is an answer
    """The request is answered without being served."""

    def __init__(self, reply: "Reply") -> None:
        super().__init__()
        self.reply = reply


async def read(receive: "Receive", length: str | None, limit: int) -> bytes:
    """Read a body whose length was told, or was not.

    Raises Refused for one that is too large, too slow or not whole.
    """
    if length is not None and int(length) > limit:
        raise Refused(_too_large(limit))
    now = get_running_loop().time
    begun = now()
    try:
        with Limit(begun + BODY_PAUSE) as pause:
            message = await receive()
            if message.get("more_body", False) or len(message.get("body", b"")) > limit:
                return await _rest(message, receive, limit, pause, begun + BODY_TIME)
    except TimeoutError:
        if not pause.expired:
            raise
        raise Refused(closing(replies.problem(408, "the request's body did not arrive in time"))) from None
    _refuse_broken(message)
    whole: bytes = message.get("body", b"")
    return whole


async def _rest(
    message: "MutableMapping[str, Any]", receive: "Receive", limit: int, pause: Limit, end: float
) -> bytes:
    now = get_running_loop().time
    pieces: list[bytes] = []
    size = 0
    while True:
        _refuse_broken(message)
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise Refused(_too_large(limit))
        if not message.get("more_body", False):
            return b"".join(pieces)
        pause.move(min(now() + BODY_PAUSE, end))
        message = await receive()


def _refuse_broken(message: "MutableMapping[str, Any]") -> None:
    if message["type"] == "http.disconnect":
        # Nobody may be left to hear it, unless it was the server that broke the body off.
        raise Refused(closing(replies.problem(400, "the request's body broke off")))


def _too_large(limit: int) -> "Reply":
    return closing(replies.problem(413, f"the request's body is larger than {limit} bytes"))


def closing(reply: "Reply") -> "Reply":
    """Have the connection closed behind a reply: what is left of the body is not read."""
    reply.headers.add("connection", "close")
    return reply
