"""Turns plain HTTP into events in one of the platform's forms, and answers back into HTTP."""

import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

from polyfn.toolchain.emulation.exchange import Exchange
from polyfn_aws.emulator.configuration import LARGEST_EVENT, Configuration
from polyfn_aws.emulator.http_alb import Alb
from polyfn_aws.emulator.http_reply import HttpReply, MalformedReply, finished, message
from polyfn_aws.emulator.http_request import HttpRequest
from polyfn_aws.emulator.http_v1 import V1
from polyfn_aws.emulator.http_v2 import V2, FunctionUrl
from polyfn_aws.emulator.invocation import Invocation
from polyfn_aws.emulator.lifecycle import Lifecycle
from polyfn_aws.emulator.prelude import CONTENT_TYPE, read_prelude


class Form(Protocol):
    """One of the platform's HTTP fronts."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def streams(self) -> bool:
        """Whether it passes a streamed response on."""

    def event(self, request: HttpRequest) -> dict[str, Any]:
        """Return the event of a request."""

    def reply(self, payload: bytes, request: HttpRequest) -> HttpReply:
        """Return the response of a buffered answer. Raises MalformedReply."""

    def failure(self, request: HttpRequest) -> HttpReply:
        """Return what a client gets when the function failed."""


def form_of(configuration: Configuration) -> Form:
    """Return the front that the option `http` names, in the mode that the settings give it."""
    streams = configuration.streams
    forms: dict[str, Form] = {
        "v2": V2(),
        "v1": V1(streams="rest" in streams),
        "alb": Alb(),
        "alb-multi": Alb(multi=True),
        "function-url": FunctionUrl(streams="function-url" in streams),
    }
    return forms[configuration.http]


class HttpFront:
    """Serves plain HTTP in the configured form."""

    def __init__(self, configuration: Configuration, lifecycle: Lifecycle) -> None:
        self._form = form_of(configuration)
        self._lifecycle = lifecycle

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        request = HttpRequest(
            exchange.method, exchange.path, exchange.query, exchange.headers, await exchange.body(),
            exchange.peer[0], exchange.local_port,
        )  # fmt: skip
        event = json.dumps(self._form.event(request), ensure_ascii=False, separators=(",", ":"))
        invocation = Invocation(payload=event.encode("utf-8"))
        if len(invocation.payload) > LARGEST_EVENT:
            size = len(invocation.payload)
            self._lifecycle.log(
                f"polyfn: {self._form.name} answers 413: the event has {size} bytes, above {LARGEST_EVENT}"
            )
            await _send(exchange, message(413, "Request Entity Too Large", request.id))
            return
        self._lifecycle.submit(invocation)
        await invocation.reply.wait_begun()
        try:
            if invocation.reply.streaming and self._form.streams:
                await self._stream(exchange, request, invocation)
            else:
                await _send(exchange, await self._buffered(request, invocation))
        except MalformedReply as error:
            self._lifecycle.log(f"polyfn: {self._form.name} answers 502: {error}")
            await _send(exchange, self._form.failure(request))

    async def _buffered(self, request: HttpRequest, invocation: Invocation) -> HttpReply:
        reply = invocation.reply
        payload = await reply.payload()
        if reply.fault is not None:
            return self._form.failure(request)
        if reply.streaming:
            raise MalformedReply(
                "the function streamed its response, which this front is not set to pass on; "
                'a Function URL does (option http=function-url), as the setting "stream" says'
            )
        return self._form.reply(payload, request)

    async def _stream(self, exchange: Exchange, request: HttpRequest, invocation: Invocation) -> None:
        reply = invocation.reply
        pieces = reply.pieces()
        try:
            head = await self._head(pieces, reply.content_type)
        except MalformedReply:
            if reply.fault is None:
                raise
            await _send(exchange, self._form.failure(request))
            return
        await exchange.start(head.status, head.headers)
        await exchange.send(head.body)
        async for piece in pieces:
            await exchange.send(piece)
        if reply.fault is not None:
            exchange.abort()
        else:
            await exchange.finish()

    async def _head(self, pieces: AsyncIterator[bytes], content_type: str) -> HttpReply:
        if content_type.partition(";")[0].strip().lower() == CONTENT_TYPE:
            return await read_prelude(pieces)
        return finished(200, [("content-type", content_type)], b"")


async def _send(exchange: Exchange, reply: HttpReply) -> None:
    await exchange.reply(reply.status, reply.headers, reply.body)
