"""From a request to a reply: to a function by its route, or to the one that takes the event.

HTTP and Call functions have their routes. A function for events answers at `/` plus its name, and at
`/` if of all those functions exactly one fits best what came.
"""

from polyfn.runtime import logs
from polyfn.runtime.replies import Reply, problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any

    from polyfn.context import Context
    from polyfn.http import Request
    from polyfn.invoke import Invoker
    from polyfn_gcp.runtime.verify import Arrival, EnvelopeError

    Serve = Callable[[Request[Any], Context], Awaitable[Reply]]

#: Trigger kind to the module of this package that tells what fits it and decodes it.
_HOMES = {
    "topic": "topics",
    "queue": "queues",
    "schedule": "schedule",
    "storage": "storage",
    "events": "events",
}


class Function:
    """One function for events: its invoker, and the module that decodes for its trigger."""

    __slots__ = ("home", "invoker")

    def __init__(self, invoker: "Invoker") -> None:
        self.invoker = invoker
        home = _HOMES[invoker.declaration.trigger.kind]
        self.home: Any = __import__(f"polyfn_gcp.runtime.{home}", fromlist=["decode"])


def dispatcher(invokers: "Sequence[Invoker]", settings: "dict[str, Any]") -> "Serve":
    """Return what serves every request: `await serve(request, context)` gives the reply.

    Raises UnsupportedError for a kind of trigger that Cloud Run does not have.
    """
    routed = [invoker for invoker in invokers if invoker.declaration.trigger.kind in ("http", "call")]
    functions = {
        f"/{invoker.declaration.name}": Function(_supported(invoker))
        for invoker in invokers
        if invoker not in routed
    }
    over_http = _over_http(routed)
    if not functions:
        return over_http
    every = list(functions.values())
    drop_misfits = settings.get("poison") == "drop"

    async def serve(request: "Request[Any]", context: "Context") -> Reply:
        named = functions.get(request.raw_path)
        if named is None and not _is_for_all(request.raw_path):
            return await over_http(request, context)
        refused = _refuse_method(request)
        if refused is not None:
            # At `/` there may be a route for another method.
            return await over_http(request, context) if routed and named is None else refused
        came = _read(request)
        if routed and named is None and _is_no_event(came):
            return await over_http(request, context)
        return await _take(came, [named] if named else every, request, context, drop_misfits)

    return serve


def direct(invokers: "Sequence[Invoker]") -> "Callable[[Any], Any] | None":
    """Return what names the ASGI application that takes a scope, None where a request may be an event."""
    from polyfn.runtime.router import Router

    if any(invoker.declaration.trigger.kind not in ("http", "call") for invoker in invokers):
        return None
    return Router(invokers).direct


def _is_for_all(path: str) -> bool:
    """Whether events come to this path whoever takes them: `/`, or the path of a topic.

    The latter is where background functions were pushed to: `/projects/PROJECT/topics/TOPIC`.
    """
    return path == "/" or _topic_of(path) is not None


def _topic_of(path: str) -> str | None:
    parts = path.split("/")
    is_one = len(parts) == 5 and parts[1] == "projects" and parts[3] == "topics"
    return path[1:] if is_one else None


def _read(request: "Request[Any]") -> "list[Arrival] | EnvelopeError":
    from polyfn_gcp.runtime.verify import EnvelopeError, arrivals

    try:
        return arrivals(request, _topic_of(request.raw_path))
    except EnvelopeError as error:
        return error


def _is_no_event(came: "list[Arrival] | EnvelopeError") -> bool:
    """Whether no known sender of events sent this, so that it must be for a route."""
    return isinstance(came, list) and len(came) == 1 and came[0].form is None


def _supported(invoker: "Invoker") -> "Invoker":
    declaration = invoker.declaration
    if declaration.trigger.kind not in _HOMES:
        from polyfn.errors import UnsupportedError

        raise UnsupportedError(
            f"function {declaration.name!r} declares {declaration.trigger!r}, "
            f"a kind of trigger ({declaration.trigger.kind!r}) that Cloud Run does not deliver",
            hint=f"triggers for target gcp: http, call, {', '.join(_HOMES)}",
        )
    return invoker


def _over_http(routed: "Sequence[Invoker]") -> "Serve":
    if not routed:

        async def nothing(_request: "Request[Any]", _context: "Context") -> Reply:
            return problem(404)

        return nothing
    from polyfn.runtime.router import Router
    from polyfn.runtime.serving import serve as serve_one

    resolve = Router(routed).resolve

    async def serve(request: "Request[Any]", context: "Context") -> Reply:
        found = resolve(request)
        return found if isinstance(found, Reply) else await serve_one(found, request, context)

    return serve


async def _take(
    came: "list[Arrival] | EnvelopeError",
    functions: "list[Function]",
    request: "Request[Any]",
    context: "Context",
    drop_misfits: bool,
) -> Reply:
    """Give what came to the functions that take it, and answer for what became of it."""
    from polyfn_gcp.runtime.answers import reply_of

    failed: list[BaseException | None] = []
    work: dict[int, tuple[Function, list[Any]]] = {}
    if isinstance(came, list):
        for arrival in came:
            _sort(arrival, functions, work, failed, context)
    else:
        _report(came, context)
        failed.append(came)
    for function, events in work.values():
        failed += await _run(function, events, request, context)
    return reply_of(failed, drop_misfits=drop_misfits)


def _refuse_method(request: "Request[Any]") -> Reply | None:
    """Events come by POST; jobs of Cloud Scheduler and tasks by whatever method they are set to."""
    if request.method == "POST" or "x-cloudscheduler" in request.headers:
        return None
    if "x-cloudtasks-queuename" in request.headers:
        return None
    from polyfn.http import Headers

    allow = Headers({"allow": "POST, OPTIONS"})
    return Reply(204, allow) if request.method == "OPTIONS" else problem(405, headers=allow)


def _sort(
    arrival: "Arrival",
    functions: "list[Function]",
    work: "dict[int, tuple[Function, list[Any]]]",
    failed: "list[BaseException | None]",
    context: "Context",
) -> None:
    """Decode one arrival for the function that takes it; add to `failed` if there is none."""
    from polyfn.errors import TriggerMismatchError
    from polyfn_gcp.runtime.verify import EnvelopeError

    try:
        function = functions[0] if len(functions) == 1 else _choose(arrival, functions)
        context.function = function.invoker.declaration.name
        event = function.home.decode(arrival, function.invoker.declaration)
    except (TriggerMismatchError, EnvelopeError) as error:
        _report(error, context)
        failed.append(error)
        return
    if event is not None:
        work.setdefault(id(function), (function, []))[1].append(event)


def _choose(arrival: "Arrival", functions: "list[Function]") -> Function:
    """Return the one function that fits best. Raises TriggerMismatchError if none or several do."""
    from polyfn.errors import TriggerMismatchError
    from polyfn_gcp.runtime.verify import NOT, what_came

    ranks = [function.home.fit(arrival, function.invoker.declaration) for function in functions]
    best = max(ranks)
    found = [function for function, rank in zip(functions, ranks, strict=True) if rank == best]
    if best != NOT and len(found) == 1:
        return found[0]
    names = ", ".join(sorted(function.invoker.declaration.name for function in found))
    if best == NOT:
        raise TriggerMismatchError(
            f"{what_came(arrival)} arrived at /, and no function of this service takes it: {names}",
            hint="declare a function for it, or narrow what is sent here",
        )
    raise TriggerMismatchError(
        f"{what_came(arrival)} arrived at /, where {len(found)} functions would take it: {names}",
        hint=f"have it sent to the path of the one that is meant, such as /{names.partition(',')[0]}",
    )


async def _run(
    function: Function, events: "list[Any]", request: "Request[Any]", context: "Context"
) -> "list[BaseException | None]":
    invoker = function.invoker
    context.function = invoker.declaration.name
    if invoker.declaration.trigger.delivers == "messages":
        native = events[0].native if len(events) == 1 else request
        return await _deliver(invoker, events, context, native)
    from polyfn.runtime.single import run

    return [*await run(invoker, events, context)]


async def _deliver(
    invoker: "Invoker", messages: "list[Any]", context: "Context", native: "Any"
) -> "list[BaseException | None]":
    from polyfn.runtime.serving import deliver

    try:
        return [message.error for message in await deliver(invoker, messages, context, native=native)]
    except (SystemExit, KeyboardInterrupt) as ended:
        # Others are being served by this process: one handler's sys.exit() must not end theirs.
        logs.report("ERROR", "the handler failed", error=ended, request_id=context.request_id)
        return [ended]


def _report(error: "Any", context: "Context") -> None:
    hint = f" ({error.hint})" if error.hint else ""
    logs.report("ERROR", f"refused: {error.code}: {error}{hint}", request_id=context.request_id)
