"""From a request to a reply: HTTP to a function by its route, an envelope to the function it names."""

from polyfn.runtime.replies import Reply, problem
from polyfn_azure.runtime import logs
from polyfn_azure.runtime.plan import plan
from polyfn_azure.runtime.transport import ENVELOPE, of_scope, stripper, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any

    from polyfn.context import Context
    from polyfn.http import Request
    from polyfn.invoke import Invoker
    from polyfn_azure.runtime.enveloped import Function
    from polyfn_azure.runtime.plan import Plan
    from polyfn_azure.runtime.transport import Strip

    Serve = Callable[[Request[Any], Context], Awaitable[Reply]]


def dispatcher(
    invokers: "Sequence[Invoker]", settings: "dict[str, Any]", *, authority: str | None = None
) -> "Serve":
    """Return what serves every request: `await serve(request, context)` gives the reply.

    `authority` is where the host connects to, see `transport.tell`. Raises UnsupportedError for a kind of
    trigger that Azure Functions does not have.
    """
    planned = plan_of(invokers, settings)
    strip = stripper(settings.get("route_prefix") or "")
    functions = _enveloped([one for one in invokers if one.declaration.name in planned.enveloped], settings)
    over_http = _over_http([one for one in invokers if one.declaration.name in planned.passed], strip)

    def is_envelope(request: "Request[Any]") -> bool:
        path, query = request.raw_path, request.raw_query
        return tell(request.method, path, query, request.headers, functions, authority) == ENVELOPE

    async def serve(request: "Request[Any]", context: "Context") -> Reply:
        # Only of a path that is a function's name there is anything to tell.
        function = functions.get(request.raw_path[1:])
        if function is not None and is_envelope(request):
            reply = await function.serve(request, context, strip)
        else:
            reply = await over_http(request, context)
        # After the reply the host may kill the process at any time.
        logs.flush()
        return reply

    return serve


def _enveloped(invokers: "Sequence[Invoker]", settings: "dict[str, Any]") -> "dict[str, Function]":
    if not invokers:
        return {}
    from polyfn_azure.runtime.enveloped import Function

    return {invoker.declaration.name: Function(invoker, settings) for invoker in invokers}


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


def _over_http(routed: "Sequence[Invoker]", strip: "Strip") -> "Serve":
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
