"""The platform's HTTP front: passes requests on to the container, and its responses back, as they stream."""

import asyncio
from collections.abc import Callable

from polyfn.toolchain.emulation.exchange import Exchange, Headers, TooLarge, Truncated
from polyfn.toolchain.emulation.upstream import Broken, Call, Unreachable
from polyfn_gcp.emulator import texts
from polyfn_gcp.emulator.configuration import Configuration
from polyfn_gcp.emulator.forwarding import has_body, request_headers, response_headers
from polyfn_gcp.emulator.instance import NotStarted
from polyfn_gcp.emulator.limits import LARGEST, length, limited
from polyfn_gcp.emulator.record import Record
from polyfn_gcp.emulator.revision import Closing, Lease, NoInstance, Revision

#: What the front itself says, where it has no container's answer to pass on. The words of 504 and 429 are
#: those that users quote; the others are HTTP's own.
BODIES = {
    413: b"Request Entity Too Large",
    429: b"Rate exceeded.",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
    504: b"upstream request timeout",
}
#: Seconds from the end of a connection until its process is known to have ended.
BRIEF = 0.5


class Front:
    """Serves plain HTTP. With `told` the requests already have the headers that a front adds."""

    def __init__(
        self,
        configuration: Configuration,
        revision: Revision,
        log: Callable[[str], None],
        *,
        told: bool = False,
    ) -> None:
        self._configuration = configuration
        self._revision = revision
        self._log = log
        self._told = told

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        record = Record.of(exchange)
        if not has_body(exchange):
            # Only once the request is complete can it be seen that its client leaves.
            await exchange.body()
        try:
            lease = await self._revision.acquire()
        except NotStarted:
            await self._refuse(exchange, record, 500, texts.NOT_STARTED)
        except NoInstance:
            await self._refuse(exchange, record, 429, texts.NO_INSTANCE)
        except Closing:
            await self._refuse(exchange, record, 503, "polyfn: the emulator is being stopped")
        else:
            headers = request_headers(exchange, self._configuration.proto, told=self._told)
            await Forwarding(self._configuration, exchange, headers, lease, record, self._log).run()

    async def _refuse(self, exchange: Exchange, record: Record, status: int, line: str) -> None:
        self._log(line)
        await answer(exchange, record, status)
        record.end(self._log)


async def answer(exchange: Exchange, record: Record, status: int) -> None:
    """Send a response of the front's own."""
    body = BODIES[status]
    record.status, record.response_size = status, len(body)
    await exchange.reply(status, [("content-type", "text/plain")], body)


class Forwarding:
    """One request on its way to the container, and its response on its way back."""

    def __init__(
        self,
        configuration: Configuration,
        exchange: Exchange,
        headers: Headers,
        lease: Lease,
        record: Record,
        log: Callable[[str], None],
    ) -> None:
        self._configuration = configuration
        self._exchange, self._headers = exchange, headers
        self._lease, self._record = lease, record
        self._log = log
        self._call: Call | None = None
        self._lingers = False

    async def run(self) -> None:
        """Forward it, answer, log it, and give the slot back. Raises nothing that the container did."""
        try:
            await self._forwarded()
        except (asyncio.CancelledError, OSError):
            self._abandoned()
            raise
        finally:
            if not self._lingers:
                await self._over()

    async def _forwarded(self) -> None:
        try:
            async with asyncio.timeout(self._configuration.timeout):
                await self._exchanged()
        except TimeoutError:
            await self._late()
        except TooLarge:
            await self._instead(413, f"polyfn: the request is larger than the {LARGEST} bytes that may be")
        except Truncated:
            # The client left before its request was complete.
            self._record.status = 499
            self._exchange.abort()
        except (Broken, Unreachable):
            await self._broken()

    async def _exchanged(self) -> None:
        exchange, record = self._exchange, self._record
        if length(exchange.headers) > LARGEST:
            raise TooLarge
        body = limited(exchange, record) if has_body(exchange) else None
        upstream = self._lease.instance.upstream
        self._call = call = await upstream.call(exchange.method, exchange.target, self._headers, body)
        head = await call.head()
        if length(head.headers) > LARGEST and exchange.method != "HEAD":
            await self._instead(500, texts.TOO_LARGE)
            return
        record.status = head.status
        await exchange.start(head.status, response_headers(head.headers))
        async for chunk in call.chunks():
            record.response_size += len(chunk)
            await exchange.send(chunk)
        await exchange.finish(call.trailers)

    async def _late(self) -> None:
        """The time is up: the client is told, the code runs on and what it still answers is discarded."""
        began = self._exchange.started
        await self._instead(504, texts.TIMED_OUT)
        if began:
            self._log(texts.TRUNCATED)
        if self._call is not None and self._call.sent:
            # The request is over, so its slot is free; only the processor is still given.
            self._lease.instance.linger(self._call, lambda _: None)
            self._call = None

    async def _broken(self) -> None:
        instance = self._lease.instance
        await asyncio.wait({instance.process.ended}, timeout=BRIEF)
        if instance.overfull:
            await self._instead(503, texts.TOO_MUCH_MEMORY)
        elif self._exchange.started:
            await self._instead(503, texts.TRUNCATED)
        else:
            await self._instead(503, texts.MALFORMED)

    async def _instead(self, status: int, line: str) -> None:
        """Answer in the container's place, or cut off what it began to answer."""
        self._log(line)
        if self._exchange.started:
            self._exchange.abort()
        else:
            await answer(self._exchange, self._record, status)

    def _abandoned(self) -> None:
        """The client left. Over HTTP/1 Cloud Run does not tell the container, which runs on (documented)."""
        call = self._call
        if call is None or not call.sent or self._configuration.disconnects:
            self._record.status = self._record.status or 499
            return
        self._lingers, self._call = True, None
        self._lease.instance.linger(call, self._drained)

    def _drained(self, call: Call) -> None:
        self._record.status = self._record.status or call.status
        self._finish()

    async def _over(self) -> None:
        try:
            if self._call is not None:
                await self._call.close()
                if not self._call.complete:
                    self._lease.instance.nudge()
        finally:
            self._finish()

    def _finish(self) -> None:
        self._lease.release()
        self._record.end(self._log)
