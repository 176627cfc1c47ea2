"""A request that streams through to the handler, and its response back (DefaultHttpProxyService, YARP).

Nothing but time without any traffic ends an exchange: 240 s.
"""

import asyncio
from collections.abc import AsyncIterator

from polyfn.toolchain.emulation.exchange import Exchange, Truncated
from polyfn.toolchain.emulation.upstream import Broken, Call, Unreachable
from polyfn_azure.emulator.headers import (
    CORRELATION,
    HOP_BY_HOP,
    INVOCATION,
    Pairs,
    host_headers,
    traceparent,
    without,
)
from polyfn_azure.emulator.host import Handler


class Proxied:
    """One exchange on its way through. `status` is what the client gets, `error` why it was cut, or None."""

    def __init__(self, exchange: Exchange, handler: Handler, invocation: str, idle: float) -> None:
        self._exchange, self._handler = exchange, handler
        self._invocation, self._idle = invocation, idle
        self._moved = asyncio.get_running_loop().time()
        self.status = 502
        self.error: str | None = None

    async def run(self) -> None:
        """Pass it through. Raises nothing that the handler did."""
        work = asyncio.ensure_future(self._streamed())
        try:
            await self._watched(work)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _watched(self, work: "asyncio.Future[None]") -> None:
        loop = asyncio.get_running_loop()
        while not work.done():
            left = self._moved + self._idle - loop.time()
            if left <= 0:
                await self._cut(504, f"nothing passed for {self._idle:g} s")
                return
            await asyncio.wait({work}, timeout=left)
        await work

    async def _streamed(self) -> None:
        call: Call | None = None
        try:
            body = self._body() if _has_body(self._exchange) else None
            if body is None:
                # Only once the request is complete can it be seen that its client leaves.
                await self._exchange.body()
            call = await self._handler.upstream.call(
                self._exchange.method, self._exchange.target, self._headers(), body
            )
            await self._answered(call)
        except Truncated:
            self.error = "the client left before its request was complete"
            self._exchange.abort()
        except (Unreachable, Broken) as error:
            await self._handler.settle()
            await self._cut(502, f"the handler gave no whole answer: {error}")
        finally:
            if call is not None:
                await call.close()

    async def _answered(self, call: Call) -> None:
        head = await call.head()
        self._touch()
        self.status = head.status
        await self._exchange.start(head.status, without(head.headers, HOP_BY_HOP))
        async for chunk in call.chunks():
            self._touch()
            await self._exchange.send(chunk)
        await self._exchange.finish(call.trailers)

    async def _body(self) -> AsyncIterator[bytes]:
        async for chunk in self._exchange.chunks():
            self._touch()
            yield chunk

    async def _cut(self, status: int, why: str) -> None:
        self.error = why
        if self._exchange.started:
            self._exchange.abort()
            return
        self.status = status
        await self._exchange.reply(status)

    def _touch(self) -> None:
        self._moved = asyncio.get_running_loop().time()

    def _headers(self) -> Pairs:
        """Return the client's headers and the host's, which win. The client's User-Agent stays its own."""
        own = [(name, value) for name, value in host_headers(self._invocation) if name != "User-Agent"]
        own += [
            (CORRELATION, self._invocation),
            ("traceparent", traceparent(self._exchange.header("traceparent"))),
        ]
        names = {CORRELATION, INVOCATION.lower(), "x-azure-functions-hostversion", "traceparent"}
        kept = without(self._exchange.headers, HOP_BY_HOP | {"expect"} | names)
        if not any(name.lower() == "host" for name, _ in kept):
            kept.insert(0, ("Host", f"localhost:{self._exchange.local_port}"))
        if self._exchange.header("Transfer-Encoding") is not None:
            kept.append(("Transfer-Encoding", "chunked"))
        return [*kept, *own]


def _has_body(exchange: Exchange) -> bool:
    return exchange.header("Transfer-Encoding") is not None or exchange.header("Content-Length") is not None
