"""One request and its response, as a handler of the HTTP server sees them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus

import h11

Headers = Iterable[tuple[str, str]]


class Disconnected(Exception):  # noqa: N818  not an error of anybody here
    """The other side closed the connection, or broke the protocol so that it has to be closed."""


class Truncated(Exception):  # noqa: N818
    """The connection closed in the middle of the request's body."""


class TooLarge(Exception):  # noqa: N818
    """The request's body is larger than the handler allows. All of it has been read and discarded."""


class Exchange:
    """A request to be read and a response to be written.

    `target` is the request target as sent, `headers` keep order, case and duplicates; `trailers` are
    complete once the body has been read. `started` and `finished` tell how much of the response was sent.
    """

    def __init__(
        self,
        wire: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        head: h11.Request,
    ) -> None:
        self._wire, self._reader, self._writer = wire, reader, writer
        self.method = head.method.decode("ascii")
        self.target = head.target.decode("latin-1")
        self.headers = [(n.decode("ascii"), v.decode("latin-1")) for n, v in head.headers.raw_items()]
        self.trailers: list[tuple[str, str]] = []
        self.peer: tuple[str, int] = writer.get_extra_info("peername")[:2]
        self.local_port: int = writer.get_extra_info("sockname")[1]
        self.started = False
        self.finished = False
        self._received = asyncio.Event()
        self._bodiless = self.method == "HEAD"
        self._chunked = False

    @classmethod
    async def receive(
        cls, wire: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> "Exchange | None":
        """Read the head of the next request; None if the client has no more.

        Raises Disconnected after answering 400 to what is no HTTP.
        """
        try:
            event = await _next_event(wire, reader)
        except h11.RemoteProtocolError as error:
            _refuse(wire, writer, error.error_status_hint)
            raise Disconnected from None
        return cls(wire, reader, writer, event) if isinstance(event, h11.Request) else None

    @property
    def path(self) -> str:
        """The target up to the question mark, percent-encoding kept."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after the question mark, percent-encoding kept."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """Return the first header of this name, in any case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def trailer(self, name: str) -> str | None:
        """Return the first trailer of this name, or None."""
        wanted = name.lower()
        return next((value for key, value in self.trailers if key.lower() == wanted), None)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises Truncated."""
        while not self._received.is_set():
            if self._wire.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                event = await _next_event(self._wire, self._reader)
            except (h11.RemoteProtocolError, OSError):
                raise Truncated from None
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self.trailers = [
                    (n.decode("ascii"), v.decode("latin-1")) for n, v in event.headers.raw_items()
                ]
                self._received.set()
            else:
                raise Truncated

    async def body(self, limit: int | None = None) -> bytes:
        """Read the whole body. Raises Truncated, and TooLarge above `limit` bytes."""
        parts, size = [], 0
        async for chunk in self.chunks():
            size += len(chunk)
            if limit is None or size <= limit:
                parts.append(chunk)
        if limit is not None and size > limit:
            raise TooLarge
        return b"".join(parts)

    async def reply(self, status: int, headers: Headers = (), body: bytes = b"") -> None:
        """Send a whole response; Content-Length is added."""
        length = () if status in (204, 304) else (("content-length", str(len(body))),)
        await self.start(status, [*headers, *length])
        if body:
            await self.send(body)
        await self.finish()

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head. Without Content-Length the body is chunked."""
        listed = [(n.encode("ascii"), v.encode("latin-1")) for n, v in headers]
        self._bodiless = self._bodiless or status in (204, 304)
        self._chunked = not any(name.lower() == b"content-length" for name, _ in listed)
        self.started = True
        await self._send(h11.Response(status_code=status, headers=listed, reason=_reason(status)))

    async def send(self, data: bytes) -> None:
        """Send some of the body at once."""
        if data and not self._bodiless:
            await self._send(h11.Data(data=data))

    async def finish(self, trailers: Headers = ()) -> None:
        """End the response. Trailers are sent if it is chunked."""
        listed = [(n.encode("ascii"), v.encode("latin-1")) for n, v in trailers] if self._chunked else []
        await self._send(h11.EndOfMessage(headers=listed))
        self.finished = True

    def abort(self) -> None:
        """Cut the connection, so that the client sees the response end too early."""
        self._writer.transport.abort()

    async def gone(self) -> bool:
        """Return True once the client has gone away; False if it has sent its next request instead."""
        await self._received.wait()
        data = await self._reader.read(1 << 16)
        if data:
            self._wire.receive_data(data)
        return not data

    async def settle(self) -> bool:
        """Finish what the handler left over; True if the connection can carry another request."""
        if not self.started:
            await self.reply(500)
        if self._wire.our_state in (h11.SEND_BODY, h11.ERROR):
            self.abort()
            return False
        try:
            async for _ in self.chunks():
                pass
        except Truncated:
            return False
        return self._wire.their_state is h11.DONE

    async def _send(self, event: h11.Event) -> None:
        data = self._wire.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


async def _next_event(wire: h11.Connection, reader: asyncio.StreamReader) -> "h11.Event | None":
    while True:
        event = wire.next_event()
        if isinstance(event, h11.Event):
            return event
        if event is h11.PAUSED:
            return None
        try:
            data = await reader.read(1 << 16)
        except ConnectionError:
            data = b""
        wire.receive_data(data)


def _refuse(wire: h11.Connection, writer: asyncio.StreamWriter, status: int) -> None:
    if wire.our_state is h11.IDLE and wire.their_state is h11.ERROR:
        head = h11.Response(
            status_code=status,
            headers=[(b"content-length", b"0"), (b"connection", b"close")],
            reason=_reason(status),
        )
        writer.write((wire.send(head) or b"") + (wire.send(h11.EndOfMessage()) or b""))


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
