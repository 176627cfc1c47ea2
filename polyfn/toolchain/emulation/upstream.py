"""An HTTP/1.1 client on asyncio and h11, for emulators that forward to an artifact's own server.

Clients made for applications join headers, decode bodies, follow redirects and wait for the end of a
request before they read its response. This one sends what it is given, streams both ways at once, and
tells a response that was cut off from one that ended.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import h11

from polyfn.toolchain.emulation.exchange import Headers, TooLarge, Truncated

#: Seconds that an unused connection is kept. Servers close theirs after 2 s or more (gunicorn 2, uvicorn 5).
IDLE = 1.0
#: Bytes of one head. Longer ones are no HTTP that anybody would pass on.
LARGEST_HEAD = 1 << 20


class Unreachable(Exception):  # noqa: N818  an outcome, as Broken is
    """Nothing accepts a connection."""


class Broken(Exception):  # noqa: N818
    """The server closed the connection before its response was complete, or sent what is no HTTP."""


@dataclass(frozen=True)
class Head:
    """The head of a response; `headers` keep order, case and duplicates."""

    status: int
    headers: list[tuple[str, str]]


class _Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
        self.reader, self.writer = reader, writer
        self.used = False
        self.since = time.monotonic()

    @property
    def fresh(self) -> bool:
        """Whether it can be trusted with another request."""
        closed = self.reader.at_eof() or self.writer.is_closing()
        return not closed and time.monotonic() - self.since < IDLE

    def close(self) -> None:
        self.writer.transport.abort()


class Upstream:
    """A server at an address. `source` is the local address that connections come from."""

    def __init__(self, host: str, port: int, *, source: str | None = None) -> None:
        self._host, self._port = host, port
        self._source = (source, 0) if source else None
        self._idle: list[_Wire] = []
        self._closed = False

    async def call(
        self, method: str, target: str, headers: Headers, body: AsyncIterator[bytes] | None = None
    ) -> "Call":
        """Send a request, whose body is still on its way when this returns. Raises Unreachable.

        The headers have to hold Host, and what frames the body if there is one.
        """
        listed = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
        request = h11.Request(method=method, target=target.encode("latin-1"), headers=listed)
        wire = self._kept() or await self._connected()
        call = Call(self, wire, request, body)
        await call.begin()
        return call

    def close(self) -> None:
        """Close the connections that nothing uses, and those in use once they are not any more."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def keep(self, wire: _Wire) -> None:
        """Take back a connection whose exchange is complete."""
        wire.used, wire.since = True, time.monotonic()
        if self._closed:
            wire.close()
        else:
            self._idle.append(wire)

    async def fresh(self) -> _Wire:
        """Return a connection that nothing was sent on yet. Raises Unreachable."""
        return await self._connected()

    def _kept(self) -> _Wire | None:
        while self._idle:
            wire = self._idle.pop()
            if wire.fresh:
                return wire
            wire.close()
        return None

    async def _connected(self) -> _Wire:
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port, local_addr=self._source)
        except OSError as error:
            raise Unreachable(str(error)) from None
        return _Wire(reader, writer)


class Call:
    """One exchange: `head`, then `chunks`, then `trailers`. It has to be closed, whatever happened.

    `sent` tells whether the whole request has been written, `complete` whether the whole response has been
    read, `status` is that of its head, or None.
    """

    def __init__(
        self, upstream: Upstream, wire: _Wire, request: h11.Request, body: AsyncIterator[bytes] | None
    ) -> None:
        self._upstream, self._wire = upstream, wire
        self._request, self._body = request, body
        self._pump: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self.complete = False
        self.sent = False
        self.status: int | None = None
        self.trailers: list[tuple[str, str]] = []

    async def begin(self) -> None:
        """Write the head of the request, and its end if it has no body."""
        self._write(self._request)
        if self._body is None:
            self._write(h11.EndOfMessage())
            self.sent = True
        else:
            self._pump = asyncio.create_task(self._send(self._body))

    async def head(self) -> Head:
        """Wait for the response. Raises Broken, Unreachable, and what reading the request's body raised."""
        while True:
            try:
                event = await self._event()
            except Broken:
                if not await self._again():
                    raise
                continue
            if isinstance(event, h11.Response):
                self.status = event.status_code
                return Head(event.status_code, _text(event))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises as `head` does."""
        while not self.complete:
            event = await self._event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self.trailers = _text(event)
                self.complete = True

    async def drain(self) -> None:
        """Read the rest and discard it; a response that is cut off is as good as one that ends."""
        with suppress(Broken, Unreachable, Truncated, TooLarge):
            if self.status is None:
                await self.head()
            async for _ in self.chunks():
                pass

    async def close(self) -> None:
        """Keep the connection if the exchange is complete, else cut it."""
        if self._pump is not None and not self.sent:
            self._pump.cancel()
            # The body's reader must be free again before anybody else reads from it.
            await asyncio.gather(self._pump, return_exceptions=True)
        http = self._wire.http
        over = http.our_state is h11.DONE and http.their_state is h11.DONE
        if self.complete and over and not http.trailing_data[0]:
            http.start_next_cycle()
            self._upstream.keep(self._wire)
        else:
            self._wire.close()

    async def _again(self) -> bool:
        """Send the request anew if a kept connection was closed just when it was used again."""
        if self._body is not None or not self._wire.used or self._wire.http.trailing_data[0]:
            return False
        self._wire.close()
        self._wire = await self._upstream.fresh()
        await self.begin()
        return True

    async def _send(self, body: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in body:
                self._write(h11.Data(data=chunk))
                await self._wire.writer.drain()
            self._write(h11.EndOfMessage())
            self.sent = True
        except OSError:
            # The server wants no more of it; what it answers says why.
            pass
        except (Truncated, TooLarge) as error:
            self._failure = error
            self._wire.close()

    def _write(self, event: h11.Event) -> None:
        if data := self._wire.http.send(event):
            self._wire.writer.write(data)

    async def _event(self) -> h11.Event:
        try:
            return await self._read()
        except (h11.RemoteProtocolError, OSError) as error:
            if self._failure is not None:
                raise self._failure from None
            raise Broken(str(error)) from None

    async def _read(self) -> h11.Event:
        while True:
            event = self._wire.http.next_event()
            if isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise Broken("the connection was closed")
            if isinstance(event, h11.Event):
                return event
            self._wire.http.receive_data(await self._wire.reader.read(1 << 16))


def _text(event: h11.Response | h11.EndOfMessage) -> list[tuple[str, str]]:
    return [(name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers.raw_items()]
