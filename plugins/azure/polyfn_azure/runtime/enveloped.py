"""Functions that the host invokes by envelope: what came, decoded; what became of it, answered."""

from polyfn.errors import ResultError, TriggerMismatchError
from polyfn.runtime import logs
from polyfn.runtime.replies import Reply, problem
from polyfn_azure.runtime.answers import done, reply_of
from polyfn_azure.runtime.envelope import EnvelopeError, read
from polyfn_azure.runtime.native import Native
from polyfn_azure.runtime.outputs import declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from polyfn.context import Context
    from polyfn.http import Request
    from polyfn.invoke import Invoker
    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.transport import Strip

#: Trigger kind to the module of this package that decodes it.
_HOMES = {
    "queue": "queues",
    "topic": "topics",
    "stream": "streams",
    "schedule": "schedule",
    "storage": "storage",
    "events": "events",
}
_HTTP = ("http", "call")


class Function:
    """One enveloped function: its invoker, its outputs, and how an envelope of it is served."""

    __slots__ = ("home", "invoker", "name", "outputs", "route", "settings")

    def __init__(self, invoker: "Invoker", settings: "dict[str, Any]") -> None:
        declaration = invoker.declaration
        self.invoker = invoker
        self.settings = settings
        self.name = declaration.name
        self.outputs = declared(declaration.name, settings)
        self.home: Any = None
        self.route: Any = None
        if declaration.trigger.kind in _HTTP:
            from polyfn.runtime.router import Router

            self.route = Router([invoker]).resolve
        else:
            home = _HOMES[_supported(invoker).declaration.trigger.kind]
            self.home = __import__(f"polyfn_azure.runtime.{home}", fromlist=["decode"])

    async def serve(self, request: "Request[Any]", context: "Context", strip: "Strip") -> Reply:
        """Serve an envelope. Failures are logged and never raised."""
        context.function = self.name
        native = context.native
        if not isinstance(native, Native):  # a context that somebody else has made
            native = Native(request)
        try:
            invocation = read(self.name, request)
            native.take(invocation, self.outputs)
            if self.route is not None:
                return await self._answer(invocation, native, context, strip)
            events = self.home.decode(invocation, self.invoker.declaration, self.settings)
        except (EnvelopeError, TriggerMismatchError) as error:
            _report(error, context)
            return reply_of([error], None, context)
        failed = await self._run(events, invocation, context)
        drops = self.settings.get("poison") == "drop"
        return reply_of(failed, native.written, context, drop_misfits=drops)

    async def _run(
        self, events: "Any", invocation: "Invocation", context: "Context"
    ) -> "Sequence[BaseException | None]":
        """Call for what was decoded: messages, one event, or None for what is not asked for."""
        if isinstance(events, list):
            if self.invoker.declaration.trigger.delivers == "messages":
                return await _deliver(self.invoker, events, invocation, context)
        else:
            events = [] if events is None else [events]
        from polyfn.runtime.single import run

        return await run(self.invoker, events, context)

    async def _answer(
        self, invocation: "Invocation", native: Native, context: "Context", strip: "Strip"
    ) -> Reply:
        """Serve the HTTP request of an envelope: its status is inside, whatever it is."""
        from polyfn.runtime.serving import serve
        from polyfn_azure.runtime import http_in, http_out

        request = http_in.request_of(invocation, strip)
        found = self.route(request)
        reply = found if isinstance(found, Reply) else await serve(found, request, context)
        # What a handler wrote before it failed was written for a reply that did not come about.
        outputs = {} if reply.status >= 500 else dict(native.written or {})
        try:
            told = http_out.encode(reply, await http_out.read(reply), request_id=context.request_id)
        except Exception as error:  # noqa: BLE001  of a stream it is the handler's own
            what = "the reply cannot be sent" if isinstance(error, ResultError) else "the reply broke off"
            advice = f"; {error.hint}" if isinstance(error, ResultError) and error.hint else ""
            logs.report("ERROR", f"{what}{advice}", error=error, request_id=context.request_id)
            failed = problem(500)
            outputs, told = {}, http_out.encode(failed, failed.body)
        return done({http_out.NAME: told, **outputs}, context)


def _supported(invoker: "Invoker") -> "Invoker":
    declaration = invoker.declaration
    if declaration.trigger.kind not in _HOMES:
        from polyfn.errors import UnsupportedError

        raise UnsupportedError(
            f"function {declaration.name!r} declares {declaration.trigger!r}, "
            f"a kind of trigger ({declaration.trigger.kind!r}) that Azure Functions does not deliver",
            hint=f"triggers for target azure: http, call, {', '.join(_HOMES)}",
        )
    return invoker


async def _deliver(
    invoker: "Invoker", messages: "list[Any]", invocation: "Invocation", context: "Context"
) -> "list[BaseException | None]":
    from polyfn.runtime.serving import deliver

    def native() -> "Any":
        return messages[0].native if len(messages) == 1 else invocation

    try:
        return [message.error for message in await deliver(invoker, messages, context, native=native)]
    except (SystemExit, KeyboardInterrupt) as ended:
        # Others are being served by this process: one handler's sys.exit() must not end theirs.
        logs.report("ERROR", "the handler failed", error=ended, request_id=context.request_id)
        return [ended]


def _report(error: "Any", context: "Context") -> None:
    hint = f" ({error.hint})" if error.hint else ""
    logs.report("ERROR", f"refused: {error.code}: {error}{hint}", request_id=context.request_id)
