"""What a dispatcher may answer besides bytes, which are a JSON reply."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Answer:
    """A buffered reply that is not JSON."""

    __slots__ = ("body", "content_type")

    def __init__(self, body: bytes, content_type: str) -> None:
        self.body = body
        self.content_type = content_type


class Streamed:
    """A reply that is sent piece by piece.

    `head` goes out before the first chunk: for HTTP the JSON prelude and its 8 NUL bytes, else
    `b""`. `chunks` yields bytes, and is closed whatever happens if it has a `close` method.
    """

    __slots__ = ("chunks", "content_type", "head")

    def __init__(self, content_type: str, head: bytes, chunks: "Iterator[bytes]") -> None:
        self.content_type = content_type
        self.head = head
        self.chunks = chunks
