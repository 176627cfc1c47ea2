"""The Runtime API of one execution environment: what the runtime inside it talks to.

Paths, statuses and texts are those of the platform's own server, as the public Runtime Interface
Emulator shows them (observed).
"""

import asyncio
import re

from polyfn.toolchain.emulation.exchange import Exchange
from polyfn_aws.emulator import states
from polyfn_aws.emulator.answers import accepted, forbidden, refused
from polyfn_aws.emulator.configuration import Configuration
from polyfn_aws.emulator.errortype import error_type
from polyfn_aws.emulator.extensions import Extensions
from polyfn_aws.emulator.intake import take_error, take_response
from polyfn_aws.emulator.invocation import Invocation
from polyfn_aws.emulator.reply import Fault

_RUNTIME = "/2018-06-01/runtime"
_ANSWER = re.compile(rf"{_RUNTIME}/invocation/([^/]+)/(response|error)")


class RuntimeApi:
    """Serves the Runtime API and keeps the state of the runtime that calls it.

    `settled` is set while the runtime and all extensions wait for work: init, or an invocation, is
    over. `init_fault` is what the runtime reported of its init.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._current: Invocation | None = None
        self._arrived = asyncio.Event()
        self._runtime_waits = False
        self.state = states.State()
        self.settled = asyncio.Event()
        self.init_failed = asyncio.Event()
        self.init_fault: Fault | None = None
        self.extensions = Extensions(configuration, self._check)

    def dispatch(self, invocation: Invocation) -> None:
        """Deliver an invocation to the runtime that waits in /next."""
        self.settled.clear()
        self._runtime_waits = False
        self._current = invocation
        self._arrived.set()
        self.extensions.invoked(
            invocation.request_id, self._configuration.arn, invocation.deadline_ms, invocation.trace_id
        )

    async def handle(self, exchange: Exchange) -> None:
        """Answer one call of the runtime or of an extension."""
        call = (exchange.method, exchange.path)
        if answer := _ANSWER.fullmatch(exchange.path):
            await self._answer(exchange, *answer.groups())
        elif call == ("GET", f"{_RUNTIME}/invocation/next"):
            await self._next(exchange)
        elif call == ("POST", f"{_RUNTIME}/init/error"):
            await self._init_error(exchange)
        elif call == ("GET", "/2018-06-01/ping"):
            await exchange.reply(200, [("Content-Type", "text/plain")], b"pong")
        else:
            await self._extension(exchange)

    async def _extension(self, exchange: Exchange) -> None:
        match exchange.method, exchange.path:
            case "POST", "/2020-01-01/extension/register":
                await self.extensions.register(exchange)
            case "GET", "/2020-01-01/extension/event/next":
                await self.extensions.next(exchange)
            case "POST", "/2020-01-01/extension/init/error" | "/2020-01-01/extension/exit/error":
                await self.extensions.failed(exchange)
            case "PUT", "/2020-08-15/logs":
                await refused(exchange, 202, "Logs.NotSupported", "Logs API is not supported")
            case "PUT", "/2022-07-01/telemetry":
                await refused(exchange, 202, "Telemetry.NotSupported", "Telemetry API is not supported")
            case _:
                await exchange.reply(404, [("Content-Type", "text/plain")], b"404 page not found\n")

    async def _next(self, exchange: Exchange) -> None:
        came_from = self.state.name
        try:
            # A runtime that asks again while it works gets the same again.
            self.state.to(states.RUNNING if came_from == states.RUNNING else states.READY)
        except states.TransitionError as error:
            await forbidden(exchange, "InvalidStateTransition", str(error))
            return
        await exchange.body()
        if came_from not in (states.READY, states.RUNNING):
            self.extensions.closed = True
            self._current = None
            self._arrived.clear()
        if self._current is None:
            self._runtime_waits = True
            self._check()
        await self._arrived.wait()
        if (invocation := self._current) is not None:
            self.state.to(states.RUNNING)
            headers = invocation.headers(self._configuration.arn)
            await exchange.reply(200, headers, invocation.payload)

    def _check(self) -> None:
        if self._runtime_waits and self.extensions.waiting:
            self.settled.set()

    async def _init_error(self, exchange: Exchange) -> None:
        body = await exchange.body()
        try:
            self.state.to(states.INIT_ERROR)
        except states.TransitionError as error:
            await forbidden(exchange, "InvalidStateTransition", str(error))
            return
        self.init_fault = Fault(error_type(exchange.header("Lambda-Runtime-Function-Error-Type")), body)
        await accepted(exchange)
        self.init_failed.set()

    async def _answer(self, exchange: Exchange, request_id: str, kind: str) -> None:
        if exchange.method != "POST":
            await exchange.reply(405)
            return
        current = self._current
        nonce = exchange.header("Lambda-Runtime-Invocation-Id")
        if nonce is not None and (current is None or nonce != current.invocation_id):
            await refused(exchange, 410, "InvokeTimeout", "The invocation of this answer is over")
            return
        if current is None or request_id != current.request_id:
            await refused(exchange, 400, "InvalidRequestID", "Invalid request ID")
            return
        try:
            self.state.to(states.RESPONSE if kind == "response" else states.ERROR_RESPONSE)
        except states.TransitionError as error:
            await forbidden(exchange, "InvalidStateTransition", str(error))
            return
        take = take_response if kind == "response" else take_error
        await take(exchange, current, self.state, throttled=self._configuration.throttle)
