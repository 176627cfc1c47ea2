"""From a request to a reply: HTTP to a function by its route, an envelope to the function it names."""

from polyfn.runtime import logs as core
from polyfn.runtime.replies import Reply, problem
from polyfn_azure.runtime import logs
from polyfn_azure.runtime.native import Native
from polyfn_azure.runtime.plan import plan
from polyfn_azure.runtime.transport import ENVELOPE, of_scope, stripper, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any

    from polyfn.context import Context
    from polyfn.http import Request
    from polyfn.invoke import Invoker
    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.plan import Plan

    Serve = Callable[[Request[Any], Context], Awaitable[Reply]]

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
        from polyfn_azure.runtime.outputs import declared

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

    async def serve(self, request: "Request[Any]", context: "Context", strip: "Any") -> Reply:
        """Serve an envelope. Failures are logged and never raised."""
        from polyfn.errors import TriggerMismatchError
        from polyfn_azure.runtime.answers import reply_of
        from polyfn_azure.runtime.envelope import EnvelopeError, read

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
        from polyfn_azure.runtime.single import run

        return await run(self.invoker, events, context)

    async def _answer(
        self, invocation: "Invocation", native: Native, context: "Context", strip: "Any"
    ) -> Reply:
        """Serve the HTTP request of an envelope: its status is inside, whatever it is."""
        from polyfn.errors import ResultError
        from polyfn.runtime.serving import serve
        from polyfn_azure.runtime import http_in, http_out
        from polyfn_azure.runtime.answers import done

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
            core.report("ERROR", f"{what}{advice}", error=error, request_id=context.request_id)
            failed = problem(500)
            outputs, told = {}, http_out.encode(failed, failed.body)
        return done({http_out.NAME: told, **outputs}, context)


def dispatcher(
    invokers: "Sequence[Invoker]", settings: "dict[str, Any]", *, authority: str | None = None
) -> "Serve":
    """Return what serves every request: `await serve(request, context)` gives the reply.

    `authority` is where the host connects to, see `transport.tell`. Raises UnsupportedError for a kind of
    trigger that Azure Functions does not have.
    """
    planned = plan_of(invokers, settings)
    strip = stripper(settings.get("route_prefix") or "")
    functions = {
        invoker.declaration.name: Function(invoker, settings)
        for invoker in invokers
        if invoker.declaration.name in planned.enveloped
    }
    over_http = _over_http([one for one in invokers if one.declaration.name in planned.passed], strip)

    async def serve(request: "Request[Any]", context: "Context") -> Reply:
        path = request.raw_path
        kind = tell(request.method, path, request.raw_query, request.headers, functions, authority)
        if kind == ENVELOPE:
            reply = await functions[path[1:]].serve(request, context, strip)
        else:
            reply = await over_http(request, context)
        logs.flush()
        return reply

    return serve


def plan_of(invokers: "Sequence[Invoker]", settings: "dict[str, Any]") -> "Plan":
    """Decide the transports of these functions."""
    declared = [(one.declaration.name, one.declaration.trigger.describe()) for one in invokers]
    return plan(declared, settings)


def direct(
    invokers: "Sequence[Invoker]", settings: "dict[str, Any]", *, authority: str | None = None
) -> "Callable[[Any], Any] | None":
    """Return what names the ASGI application that takes a scope; None where no function is one."""
    if not any(hasattr(one.declaration.handler, "__asgi__") for one in invokers):
        return None
    from polyfn.runtime.incoming import raw_path
    from polyfn.runtime.router import Router

    planned = plan_of(invokers, settings)
    strip = stripper(settings.get("route_prefix") or "")
    find = Router([one for one in invokers if one.declaration.name in planned.passed]).direct

    def choose(scope: "Any") -> "Any":
        if of_scope(scope, planned.enveloped, authority) == ENVELOPE:
            return None
        stripped = strip(raw_path(scope))
        if stripped is None:
            return None
        path, base = stripped
        told = {**scope, "raw_path": path.encode("latin-1")}
        app = find(told)
        if app is None:
            return None
        if "state" in told:
            scope["state"] = told["state"]
        # The path stays whole: ASGI has the root path within it.
        scope["root_path"] = base
        return _flushing(app)

    return choose


def _flushing(app: "Any") -> "Any":
    """The same application, with what it has printed written before it replies."""

    async def serve(scope: "Any", receive: "Any", send: "Any") -> None:
        async def pass_on(message: "Any") -> None:
            logs.flush()
            await send(message)

        await app(scope, receive, pass_on)

    return serve


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


def _over_http(routed: "Sequence[Invoker]", strip: "Any") -> "Serve":
    if not routed:

        async def nothing(_request: "Request[Any]", _context: "Context") -> Reply:
            return problem(404)

        return nothing
    from polyfn.runtime.router import Router
    from polyfn.runtime.serving import serve as serve_one

    resolve = Router(routed).resolve

    async def serve(request: "Request[Any]", context: "Context") -> Reply:
        stripped = strip(request.raw_path)
        if stripped is None:
            return problem(404)
        request.raw_path, request.base_path = stripped
        # The peer is the host, which tells nothing of its own.
        request.client = None
        request.scheme = request.headers.get("x-forwarded-proto")
        found = resolve(request)
        return found if isinstance(found, Reply) else await serve_one(found, request, context)

    return serve


async def _deliver(
    invoker: "Invoker", messages: "list[Any]", invocation: "Invocation", context: "Context"
) -> "list[BaseException | None]":
    from polyfn.runtime.serving import deliver

    native = messages[0].native if len(messages) == 1 else invocation
    try:
        return [message.error for message in await deliver(invoker, messages, context, native=native)]
    except (SystemExit, KeyboardInterrupt) as ended:
        # Others are being served by this process: one handler's sys.exit() must not end theirs.
        core.report("ERROR", "the handler failed", error=ended, request_id=context.request_id)
        return [ended]


def _report(error: "Any", context: "Context") -> None:
    hint = f" ({error.hint})" if error.hint else ""
    core.report("ERROR", f"refused: {error.code}: {error}{hint}", request_id=context.request_id)
