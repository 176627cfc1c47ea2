"""One invocation in the envelope: posted, answered, its outputs written (DefaultHttpWorkerService)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

from polyfn.toolchain.emulation.upstream import Broken, Unreachable, Upstream
from polyfn_azure.emulator import texts
from polyfn_azure.emulator.bindings import Function
from polyfn_azure.emulator.configuration import Configuration
from polyfn_azure.emulator.decoding import Unwritable
from polyfn_azure.emulator.headers import Pairs, host_headers, traceparent
from polyfn_azure.emulator.host import ADDRESS, Handler, Host, NoHandler
from polyfn_azure.emulator.outputs import Outputs, Sent

#: Redirects that .NET's HttpClient follows at most.
REDIRECTS = 50
_CHUNK = 1 << 14


class Failure(Exception):  # noqa: N818  it is an outcome here
    """The invocation failed; the message is the host's word for it."""


@dataclass(frozen=True)
class Reply:
    """What a handler answered."""

    status: int
    headers: Pairs
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header of this name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Outcome:
    """How an invocation went. `error` is None if it succeeded; `told` is the envelope's reply."""

    invocation: str
    seconds: float
    reply: Reply | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    sent: tuple[Sent, ...] = ()
    error: str | None = None


class Invoker:
    """Invokes functions in the envelope."""

    def __init__(
        self, configuration: Configuration, host: Host, outputs: Outputs, log: Callable[[str], None]
    ) -> None:
        self._configuration, self._host = configuration, host
        self._outputs, self._log = outputs, log

    async def run(
        self, function: Function, body: bytes, reason: str, *, parent: str | None = None
    ) -> Outcome:
        """Invoke a function once. Raises nothing that the handler did."""
        invocation, begin = str(uuid4()), time.monotonic()
        self._log(texts.executing(function.name, reason, invocation))
        reply, error = None, None
        told: dict[str, Any] = {}
        sent: list[Sent] = []
        try:
            reply = await self._within(function, body, invocation, parent)
            told = understood(reply)
            self._logged(told)
            sent = await self._outputs.write(function, told)
        except Failure as failure:
            error = str(failure)
        except Unwritable as failure:
            error = f"an output of {function.name} cannot be written: {failure}"
        took = time.monotonic() - begin
        if error is not None:
            self._log(f"[Error] {error}")
        self._log(texts.executed(function.name, invocation, took, error))
        return Outcome(invocation, took, reply, told, tuple(sent), error)

    async def _within(self, function: Function, body: bytes, invocation: str, parent: str | None) -> Reply:
        limit = self._configuration.timeout
        handler = None
        try:
            handler = await self._host.handler()
            async with asyncio.timeout(limit):
                return await self._posted(handler, f"/{function.name}", body, invocation, parent)
        except NoHandler as error:
            raise Failure(str(error)) from None
        except TimeoutError:
            self._log(texts.timeout(function.name, limit, invocation))
            if handler is not None:
                await self._host.restart(handler)
            raise Failure(f"Timeout value of {limit:g} s was exceeded") from None

    async def _posted(
        self, handler: Handler, path: str, body: bytes, invocation: str, parent: str | None
    ) -> Reply:
        headers = [*host_headers(invocation), ("traceparent", traceparent(parent))]
        method, url = "POST", f"http://{ADDRESS}:{handler.port}{path}"
        for _ in range(REDIRECTS):
            reply = await self._asked(handler, method, url, headers, body)
            if reply.status not in (300, 301, 302, 303, 307, 308) or not reply.header("location"):
                return reply
            url = self._followed(url, reply)
            if reply.status < 307:
                method = "GET"
        raise Failure("the handler's reply redirects without end")

    def _followed(self, url: str, reply: Reply) -> str:
        there = urljoin(url, reply.header("location"))
        if urlsplit(there).scheme != "http" or urlsplit(there).hostname not in ("127.0.0.1", "localhost"):
            raise Failure(f"the handler's reply ({reply.status}) redirects to {there}, and the host follows")
        self._log(f"[Warning] polyfn: the handler's reply is {reply.status}: the host follows it to {there}")
        return there

    async def _asked(self, handler: Handler, method: str, url: str, headers: Pairs, body: bytes) -> Reply:
        place = urlsplit(url)
        own = place.port == handler.port
        upstream = handler.upstream if own else Upstream(place.hostname or ADDRESS, place.port or 80)
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        sent = [("Host", place.netloc), *headers]
        if method == "POST":
            sent += self._framing(len(body))
        try:
            call = await upstream.call(method, target, sent, _pieces(body) if method == "POST" else None)
            try:
                head = await call.head()
                told = b"".join([chunk async for chunk in call.chunks()])
            finally:
                await call.close()
        except (Unreachable, Broken) as error:
            await handler.settle()
            raise Failure(f"the handler gave no answer: {error}") from None
        finally:
            if not own:
                upstream.close()
        return Reply(head.status, head.headers, told)

    def _framing(self, size: int) -> Pairs:
        length = (
            ("Transfer-Encoding", "chunked") if self._configuration.chunked else ("Content-Length", str(size))
        )
        return [length, ("Content-Type", "application/json; charset=utf-8")]

    def _logged(self, told: Mapping[str, Any]) -> None:
        for line in told.get("Logs") or ():
            self._log(str(line))


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _CHUNK):
        yield body[start : start + _CHUNK]


def understood(reply: Reply) -> dict[str, Any]:
    """Read a reply: Outputs, Logs, ReturnValue, in any case. Raises Failure."""
    if not 200 <= reply.status < 300:
        raise Failure(f"Response status code does not indicate success: {reply.status}.")
    kind = reply.header("content-type").partition(";")[0].strip().lower()
    if kind not in ("application/json", "text/json") and not kind.endswith("+json"):
        raise Failure(
            f"No MediaTypeFormatter is available to read the reply's content type {kind or 'none'!r}: "
            "it has to be application/json"
        )
    try:
        told = json.loads(reply.body) if reply.body.strip() else None
    except (ValueError, RecursionError) as error:
        raise Failure(f"Invalid HttpResponseMessage: the reply is not JSON: {error}") from None
    if not isinstance(told, dict | None):
        raise Failure("Invalid HttpResponseMessage: the reply is no object with Outputs, Logs, ReturnValue")
    names = {"outputs": "Outputs", "logs": "Logs", "returnvalue": "ReturnValue"}
    found = {names[key.lower()]: value for key, value in (told or {}).items() if key.lower() in names}
    _shaped(found)
    return found


def _shaped(told: Mapping[str, Any]) -> None:
    outputs, logs = told.get("Outputs"), told.get("Logs")
    if not isinstance(outputs, dict | None):
        raise Failure("Invalid HttpResponseMessage: Outputs is no object")
    if not isinstance(logs, list | None):
        raise Failure("Invalid HttpResponseMessage: Logs is no list of text")
