"""uvicorn's protocol for HTTP/1.1, with bounds on a request's head, and replies that go out at once.

A reply by ASGI's messages is two coroutines, two dicts and two writes. Where it is whole, as most are, an
application may hand it over in one call instead: the scope's extension `polyfn.reply` has it under `whole`.

    whole(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool

The headers are checked and in lower case, and tell the length; the body is empty where there is to be none.
False says that nothing was sent: the connection is gone or stopped up, and ASGI's `send` knows what to do.
"""

from functools import partial
from weakref import ref

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from typing import Any

    Pairs = list[tuple[bytes, bytes]]

#: The largest head of a request (RFC 6585, 5: 431), and the seconds that one may take to arrive.
HEAD_LIMIT = 64 * 1024
HEAD_TIME = 20.0
#: The longest body that is copied behind its head.
_JOINED = 64 * 1024
#: What `whole` reads and sets of uvicorn's own bookkeeping, which no release of it promises to keep.
_BOOKS = frozenset(
    ("default_headers", "disconnected", "flow", "keep_alive", "message_event", "on_response",
     "response_complete", "response_started", "transport", "waiting_for_100_continue")
)  # fmt: skip
_IS_KNOWN = _BOOKS.issubset(RequestResponseCycle.__init__.__code__.co_names)


class Protocol(HttpToolsProtocol):
    """`seen` counts the bytes of a head that came in several reads, `read` those of the last read.

    `idle` is when the last reply was complete, None while there is a request.
    """

    seen = read = 0
    timer: "Any" = None
    idle: float | None = None

    @property
    def in_head(self) -> bool:
        """Whether a head has begun and is not whole: uvicorn has a scope for it then, and no method."""
        scope: Any = self.scope
        return scope is not None and "method" not in scope

    def connection_made(self, transport: "Any") -> None:
        """Bound the time of the first head."""
        super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]
        self.timer = self.loop.call_later(HEAD_TIME, self.too_slow)

    def connection_lost(self, exc: "Exception | None") -> None:
        """Bound nothing any more."""
        self.untimed()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bound the size and the time of a head that is not whole."""
        self.idle = None
        self.read = len(data)
        super().data_received(data)
        if self.in_head:
            self.part_of_head()

    def part_of_head(self) -> None:
        """Bound what is still to come of a head."""
        if self.transport.is_closing():
            return
        # The first read may hold the end of another request as well.
        self.seen = self.seen + self.read if self.seen else max(self.head_size(), 1)
        if self.seen > HEAD_LIMIT:
            self.refuse(b"431 Request Header Fields Too Large")
        elif self.timer is None:
            self.timer = self.loop.call_later(HEAD_TIME, self.too_slow)

    def on_headers_complete(self) -> None:
        """It is whole: bound its size, and have it served."""
        if self.timer is not None:
            self.untimed()
        # What was read at once may hold a body as well, or the end of another.
        if self.read + self.seen > HEAD_LIMIT and self.head_size() > HEAD_LIMIT:
            self.refuse(b"431 Request Header Fields Too Large")
            raise ValueError("the request's head is too large")
        self.seen = 0
        super().on_headers_complete()
        if _IS_KNOWN:
            # Before the request's task runs, which it does at the loop's next turn. The cycle has the scope:
            # to have it in there as well would leave both to the garbage collector, request by request.
            self.scope["extensions"] = {"polyfn.reply": {"whole": partial(whole, ref(self.cycle))}}

    def on_response_complete(self) -> None:
        """Begin to be idle, or serve what is waiting."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        # What uvicorn does, but for a timer: see `on_uvicorn`.
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.idle = self.loop.time()

    def head_size(self) -> int:
        """Return how many bytes the head had, or nearly."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def untimed(self) -> None:
        """Take the timer back."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def too_slow(self) -> None:
        """Refuse a head that takes too long."""
        self.timer = None
        if self.in_head:
            self.refuse(b"408 Request Timeout")
        else:
            self.transport.close()

    def refuse(self, status: bytes) -> None:
        """Answer for the server itself, and close."""
        # Only where no other request of the connection waits for its reply.
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            head = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(head % status)
        self.transport.close()


def whole(place: "ref[Any]", status: int, headers: "Pairs", body: bytes) -> bool:
    """Send a reply of one piece, and do what uvicorn does when a reply is complete."""
    cycle = place()
    if cycle is None or cycle.disconnected or cycle.response_started or cycle.flow.write_paused:
        return False
    head = [STATUS_LINE[status], _rendered(cycle.default_headers)]
    closing = not cycle.keep_alive
    for pair in headers:
        if pair[0] == b"connection":
            cycle.keep_alive = closing = False
        head.append(b"%b: %b\r\n" % pair)
    if closing:
        head.append(b"connection: close\r\n")
    head.append(b"\r\n")
    if len(body) <= _JOINED:
        head.append(body)
        cycle.transport.write_whole(b"".join(head))
    else:
        cycle.transport.write_whole(b"".join(head))
        cycle.transport.write_whole(body)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


_default: "tuple[Pairs, bytes]" = ([], b"")


def _rendered(headers: "Pairs") -> bytes:
    """The headers of every reply, such as its date. uvicorn makes a new list of them every second."""
    global _default
    if _default[0] is not headers:
        _default = headers, b"".join([b"%b: %b\r\n" % pair for pair in headers])
    return _default[1]


class Joining:
    """A transport that sends the head of a reply together with its body, where that follows at once.

    Two writes are two system calls, and two packets.
    """

    __slots__ = ("_held", "_loop", "_transport", "_write", "is_closing")

    def __init__(self, transport: "Any", loop: "AbstractEventLoop") -> None:
        self._transport = transport
        self._write: Callable[[bytes], None] = transport.write
        self._loop = loop
        self._held = b""
        self.is_closing: Callable[[], bool] = transport.is_closing

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, or keep a head until the body comes or the loop has had a turn."""
        if self._held:
            held, self._held = self._held, b""
            if len(data) <= _JOINED:
                self._write(held + data)
            else:
                self._write(held)
                self._write(data)
        elif data[:5] == b"HTTP/":
            self._held = data
            self._loop.call_soon(self._flush)
        else:
            self._write(data)

    def write_whole(self, data: bytes) -> None:
        """Send now."""
        if self._held:
            self._flush()
        self._write(data)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._write(held)

    def close(self) -> None:
        """Send what is left and close."""
        self._flush()
        self._transport.close()
