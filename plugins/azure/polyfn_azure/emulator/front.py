"""The host's HTTP front: routes, keys, and the three ways to a handler."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from polyfn.toolchain.emulation.exchange import Exchange, Truncated
from polyfn.toolchain.emulation.upstream import Broken, Unreachable
from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator import texts
from polyfn_azure.emulator.bindings import Function
from polyfn_azure.emulator.configuration import Configuration
from polyfn_azure.emulator.decoding import Unwritable, bound
from polyfn_azure.emulator.encoding import envelope, metadata
from polyfn_azure.emulator.facts import system
from polyfn_azure.emulator.forwarding import forwarded
from polyfn_azure.emulator.host import Handler, Host, NoHandler
from polyfn_azure.emulator.http_output import EMPTY, Response, response
from polyfn_azure.emulator.http_value import request_facts, request_value
from polyfn_azure.emulator.invocation import Invoker, Outcome
from polyfn_azure.emulator.keys import Keys
from polyfn_azure.emulator.outputs import RETURN
from polyfn_azure.emulator.proxying import Proxied
from polyfn_azure.emulator.routing import Routes

#: Paths that stay with the host.
OWN = ("admin", "runtime")
REASON = "This function was programmatically called via the host APIs."
_HOME = b"<!DOCTYPE html><title>Functions</title><p>Your Functions 4.0 app is up and running\n"


class Front:
    """Serves plain HTTP."""

    def __init__(
        self, configuration: Configuration, host: Host, invoker: Invoker, log: Callable[[str], None]
    ) -> None:
        self._configuration, self._host = configuration, host
        self._invoker, self._log = invoker, log
        self._keys = Keys(configuration)
        self._routes = Routes(configuration.application)
        #: Tells how each invocation went, for whoever wants to know.
        self.watch: Callable[[Outcome], None] = lambda _: None

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request. One whose client leaves before its end is dropped."""
        try:
            await self._handled(exchange)
        except Truncated:
            exchange.abort()

    async def _handled(self, exchange: Exchange) -> None:
        application = self._configuration.application
        if exchange.path.lstrip("/").partition("/")[0].lower() in OWN:
            await self._administered(exchange)
            return
        found = self._routes.find(exchange.method, exchange.path)
        if found is None:
            await self._unrouted(exchange)
            return
        function, params = found
        level = self._keys.level(exchange)
        if not self._keys.admits(function, level):
            await exchange.reply(401)
        elif function.http_alone and (application.proxies or application.forwards):
            await self._passed(exchange, function)
        else:
            await self._enveloped(exchange, function, params, level)

    async def _unrouted(self, exchange: Exchange) -> None:
        if exchange.path == "/" and exchange.method in ("GET", "HEAD"):
            off = self._configuration.settings.get("AzureWebJobsDisableHomepage", "").lower() == "true"
            kind = [("content-type", "text/html; charset=utf-8")]
            await (exchange.reply(204) if off else exchange.reply(200, kind, _HOME))
            return
        await exchange.reply(404)

    async def _administered(self, exchange: Exchange) -> None:
        if exchange.path.rstrip("/").lower() == "/admin/host/ping":
            await exchange.reply(200)
        elif self._keys.level(exchange) != "admin":
            await exchange.reply(401)
        else:
            await exchange.reply(404)

    async def _passed(self, exchange: Exchange, function: Function) -> None:
        """Proxy or forward a request."""
        invocation, begin = str(uuid4()), time.monotonic()
        self._log(texts.executing(function.name, REASON, invocation))
        error: str | None = None
        try:
            error = await self._tried(exchange, function, invocation)
        except (asyncio.CancelledError, OSError):
            # That a client leaves is no failure of the function's; it may once it has all of the response.
            if not exchange.finished:
                self._log(f"polyfn: the client left (Id={invocation})")
            raise
        finally:
            took = time.monotonic() - begin
            if error is not None:
                self._log(f"[Error] {error}")
            self._log(texts.executed(function.name, invocation, took, error))
            self.watch(Outcome(invocation, took, error=error))

    async def _tried(self, exchange: Exchange, function: Function, invocation: str) -> str | None:
        limit = self._configuration.timeout
        try:
            handler = await self._host.handler()
        except (NoHandler, EmulationError) as error:
            await exchange.reply(502 if self._configuration.application.proxies else 500)
            return str(error)
        try:
            async with asyncio.timeout(limit):
                return await self._sent(exchange, handler, invocation)
        except TimeoutError:
            self._log(texts.timeout(function.name, limit, invocation))
            await self._host.restart(handler)
            if exchange.started:
                exchange.abort()
            else:
                await exchange.reply(500)
            return f"Timeout value of {limit:g} s was exceeded"

    async def _sent(self, exchange: Exchange, handler: Handler, invocation: str) -> str | None:
        if self._configuration.application.proxies:
            proxied = Proxied(exchange, handler, invocation, self._configuration.idle)
            await proxied.run()
            return proxied.error
        body = await exchange.body()
        try:
            status, headers, told = await forwarded(exchange, body, handler.upstream, invocation)
        except (Unreachable, Broken) as error:
            await handler.settle()
            await exchange.reply(500)
            return f"the handler gave no answer: {error}"
        await exchange.reply(status, headers, told)
        return None

    async def _enveloped(
        self, exchange: Exchange, function: Function, params: dict[str, str], level: str | None
    ) -> None:
        body = await exchange.body()
        data = {function.trigger.name: request_value(exchange, body, params, level)}
        facts = {**request_facts(exchange, body, params), **system(function.name)}
        parent = exchange.header("traceparent")
        outcome = await self._invoker.run(function, envelope(data, metadata(facts)), REASON, parent=parent)
        answer = Response(500, (), b"")
        if outcome.error is None:
            try:
                answer = answered(function, outcome)
            except Unwritable as error:
                self._log(f"[Error] {error}")
                outcome = replace(outcome, error=str(error))
        self.watch(outcome)
        await exchange.reply(answer.status, answer.headers, answer.body)


def answered(function: Function, outcome: Outcome) -> Response:
    """Return the response that an envelope's reply gives. Raises Unwritable."""
    output = next((binding for binding in function.outputs if binding.type == "http"), None)
    if output is None:
        return EMPTY
    if output.name == RETURN:
        # The base64 guess meets this value alone: who names the output $return gets bytes for text.
        told = bound(output, outcome.told.get("ReturnValue"))
        return Response(200, (), told) if isinstance(told, bytes) else response(told or {})
    given = outcome.told.get("Outputs") or {}
    return response(given[output.name]) if given.get(output.name) is not None else EMPTY
