"""HTTP/1.1 to the Runtime API over one kept-alive socket.

No http.client and no socket module: both cost more to import than all the rest of a cold start.
There is no read timeout anywhere, because the environment may be frozen inside a read for hours.
"""

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    #: Status, headers by lower-case name, body.
    Reply = tuple[int, dict[str, str], bytes]

#: Bytes asked of one read. A reply's head and a small body arrive together.
PIECE = 65536
#: A head longer than this is no head: Lambda's headers stay under 10 KB.
HEAD_LIMIT = 1 << 20
#: Up to this size a body is joined to its head: a copy is cheaper than another system call.
JOINED = 65536


class LostError(Exception):
    """The Runtime API closed the connection, cannot be reached or does not speak HTTP."""


class Connection:
    """One connection to the Runtime API at `address` (host:port). It connects when it is first used.

    `severed` is set in a process that the function forked, see `sever`.
    """

    __slots__ = ("_rest", "_sock", "address", "host", "severed")

    def __init__(self, address: str) -> None:
        self.address = address
        self.host = address.encode()
        self._sock: _socket.socket | None = None
        self._rest = b""
        self.severed = False

    def connect(self) -> "_socket.socket":
        """Open the connection. Raises LostError if nobody listens, SystemExit once it was severed."""
        if self.severed:
            raise SystemExit(1)
        host, _, port = self.address.rpartition(":")
        try:
            # A str would make getaddrinfo import the IDNA codec.
            found = _socket.getaddrinfo(host.strip("[]").encode(), int(port or 80), 0, _socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            raise self._unreachable(error) from None
        trouble = OSError("no address")
        for family, kind, protocol, _, target in found:
            sock = _socket.socket(family, kind, protocol)
            # User code may have set a default timeout; nothing here may time out.
            sock.settimeout(None)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            try:
                sock.connect(target)
            except OSError as error:
                sock.close()
                trouble = error
                continue
            self._sock = sock
            self._rest = b""
            return sock
        raise self._unreachable(trouble)

    def _unreachable(self, error: Exception) -> LostError:
        return LostError(f"cannot connect to the Runtime API at {self.address!r}: {error}")

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def sever(self) -> None:
        """Give the connection up for good, in a forked process: it is the parent's to speak on.

        An answer from the child would be taken for the parent's, and its /next would take the
        parent's next invocation away.
        """
        self.close()
        self.severed = True

    def send(self, data: bytes, more: bool = False) -> None:
        """Send bytes; `more` says that others follow at once. Raises LostError."""
        sock = self._sock or self.connect()
        try:
            sock.sendall(data, _socket.MSG_MORE if more else 0)
        except OSError as error:
            raise LostError(f"the Runtime API closed the connection: {error}") from None

    def request(self, head: bytes, body: bytes = b"") -> "Reply":
        """Send one request and read its reply. Raises LostError.

        A server that refuses a body may answer and close before it has read it all, so a broken
        pipe is not the end: the answer may be there already.
        """
        try:
            if len(body) <= JOINED:
                self.send(head + body)
            else:
                self.send(head, more=True)
                self.send(body)
        except LostError:
            if self._sock is None or not body:
                raise
            reply = self.reply()
            self.close()
            return reply
        return self.reply()

    def receive(self) -> bytes:
        """Return the next bytes that arrive. Raises LostError where there are none."""
        assert self._sock is not None
        try:
            data = self._sock.recv(PIECE)
        except OSError as error:
            raise LostError(f"the connection to the Runtime API broke: {error}") from None
        if not data:
            raise LostError("the Runtime API closed the connection")
        return data

    def reply(self) -> "Reply":
        """Read one reply. Raises LostError."""
        data = self._rest or self.receive()
        end = data.find(b"\r\n\r\n")
        while end < 0:
            if len(data) > HEAD_LIMIT:
                raise LostError("the Runtime API sent no end of its headers")
            data += self.receive()
            end = data.find(b"\r\n\r\n")
        status, headers = parse_head(data[:end])
        if 100 <= status < 200:
            self._rest = data[end + 4 :]
            return self.reply()
        length = headers.get("content-length")
        if length is not None and length.isdecimal() and len(data) - end - 4 == int(length):
            self._rest = b""
            body = data[end + 4 :]
        else:
            body = self._body(status, headers, data[end + 4 :])
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, body

    def _body(self, status: int, headers: "dict[str, str]", data: bytes) -> bytes:
        """Read the rest of a body that did not arrive with its head, or is not of a given length."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, self._rest = read_chunked(data, self.receive)
            return body
        length = headers.get("content-length")
        if length is None:
            if status in (204, 304):
                self._rest = data
                return b""
            return self._until_closed(data)
        if not length.isdecimal():
            raise LostError(f"the Runtime API sent Content-Length {length!r}")
        return self._exactly(int(length), data)

    def _exactly(self, size: int, data: bytes) -> bytes:
        parts = [data]
        missing = size - len(data)
        assert self._sock is not None
        while missing > 0:
            try:
                # MSG_WAITALL takes a large body in one call; a signal may still cut it short.
                part = self._sock.recv(missing, _socket.MSG_WAITALL)
            except OSError as error:
                raise LostError(f"the connection to the Runtime API broke: {error}") from None
            if not part:
                raise LostError(f"the Runtime API closed the connection {missing} bytes too early")
            parts.append(part)
            missing -= len(part)
        body = b"".join(parts)
        self._rest = body[size:]
        return body[:size]

    def _until_closed(self, data: bytes) -> bytes:
        parts = [data]
        assert self._sock is not None
        while True:
            try:
                part = self._sock.recv(PIECE)
            except OSError as error:
                raise LostError(f"the connection to the Runtime API broke: {error}") from None
            if not part:
                self.close()
                return b"".join(parts)
            parts.append(part)


def parse_head(head: bytes) -> "tuple[int, dict[str, str]]":
    """Read a status line and headers, without the empty line. Raises LostError if it is not HTTP/1.

    Names are lower-cased; of a repeated header the last wins. Bytes that are not UTF-8 survive as
    surrogates, so that what is echoed is what came.
    """
    lines = str(head, "utf-8", "surrogateescape").split("\r\n")
    first = lines[0]
    if first[:7] != "HTTP/1." or not (first[9:12].isascii() and first[9:12].isdecimal()):
        raise LostError("what answers at the Runtime API's address does not speak HTTP/1.1")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    if first[7] == "0" and "connection" not in headers:
        headers["connection"] = "close"
    return int(first[9:12]), headers


def read_chunked(data: bytes, receive: "Callable[[], bytes]") -> "tuple[bytes, bytes]":
    """Read a chunked body whose first bytes are `data`; return it and the bytes that follow it.

    `receive` returns more bytes or raises. Extensions and trailers are skipped. Raises LostError
    for what is not chunked encoding.
    """
    parts: list[bytes] = []
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        while end < 0:
            if len(data) - at > HEAD_LIMIT:
                raise LostError("the Runtime API sent a chunk without a size")
            data, at = data[at:] + receive(), 0
            end = data.find(b"\r\n", at)
        size = chunk_size(data[at:end])
        at = end + 2
        if size == 0:
            return b"".join(parts), skip_trailers(data[at:], receive)
        while len(data) - at < size + 2:
            # What is here is set aside, so that a large chunk is not copied once per read.
            here = min(len(data) - at, size)
            parts.append(data[at : at + here])
            size -= here
            data, at = data[at + here :] + receive(), 0
        parts.append(data[at : at + size])
        if data[at + size : at + size + 2] != b"\r\n":
            raise LostError("the Runtime API sent a chunk longer than its size")
        at += size + 2


def chunk_size(line: bytes) -> int:
    """Read the line before a chunk. Raises LostError if it is no hexadecimal size."""
    digits = line.partition(b";")[0].strip()
    # int() would also take signs, underscores and a 0x.
    if not digits or digits.strip(b"0123456789abcdefABCDEF"):
        raise LostError(f"the Runtime API sent {line[:20]!r} for the size of a chunk")
    return int(digits, 16)


def skip_trailers(data: bytes, receive: "Callable[[], bytes]") -> bytes:
    """Skip to behind the empty line that ends a chunked body; return the bytes that follow."""
    while True:
        end = data.find(b"\r\n")
        while end < 0:
            if len(data) > HEAD_LIMIT:
                raise LostError("the Runtime API sent no end of its trailers")
            data += receive()
            end = data.find(b"\r\n")
        if end == 0:
            return data[2:]
        data = data[end + 2 :]
