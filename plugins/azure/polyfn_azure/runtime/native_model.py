"""The functions under Azure's own Python worker: what `function_app.py` of the native artifact calls.

The worker has its own loop, its own threads and its own logs: handlers are called on its loop, and log
lines are records of `logging`, to which it adds level and invocation. Start hooks run with the first
invocation, for the worker imports the application while its loop runs.
"""

from asyncio import Lock, get_running_loop
from posix import chdir
from time import time

from polyfn.context import Context
from polyfn.runtime import aio
from polyfn.runtime import logs as core
from polyfn_azure.runtime.context import timeout_of
from polyfn_azure.runtime.native import Native, variable
from polyfn_azure.runtime.outputs import BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from polyfn.http import Request
    from polyfn.invoke import Invoker
    from polyfn.runtime.replies import Reply
    from polyfn.runtime.trace import Trace
    from polyfn_azure.runtime.enveloped import Function


class NativeModel(Native):
    """`context.native` under the worker: `context` is the worker's own, `given` its trigger's object."""

    __slots__ = ("context", "given")

    def __init__(self, context: "Any", given: "Any", request: "Any" = None) -> None:
        super().__init__(request)
        self.context = context
        self.given = given

    def declare(self, function: str, outputs: "dict[str, str]") -> None:
        """Say whose invocation it is, and what outputs it has: name to type."""
        self.function = function
        self._declared = outputs

    @property
    def invocation_id(self) -> str | None:
        """The host's id of this invocation."""
        found: str | None = self.context.invocation_id
        return found


class Application:
    """The functions of an artifact. `library` is `azure.functions`, `types` names each one's trigger."""

    def __init__(self, library: "ModuleType", start: "dict[str, Any]", types: "dict[str, str]") -> None:
        from polyfn.invoke import Invoker
        from polyfn.runtime.start import load
        from polyfn_azure.runtime.enveloped import Function

        self._library: Any = library
        self._settings: dict[str, Any] = start["settings"]
        self._types = types
        core.sink = sink
        chdir(start["root"] + "/app")
        self._functions = {
            name: Function(Invoker(load(start, name)), self._settings) for name in start["functions"]
        }
        self._starting: Lock | None = None
        self._started = False

    async def call(self, name: str, given: "Any", context: "Any", outputs: "Any" = None) -> "Any":
        """Serve one invocation: return an HttpResponse, or None. Raises what has the host try again."""
        if not self._started:
            await self._start()
        function = self._functions[name]
        over_http = function.route is not None
        request = self._request(given) if over_http else None
        native = NativeModel(context, given, request)
        native.declare(name, function.outputs)
        made = self._context(name, context, native)
        answer = None
        if request is not None:
            answer = await self._answer(function, request, made)
        else:
            await self._deliver(function, given, native, made)
        # What a handler wrote before it failed was written for a reply that did not come about.
        if answer is None or answer.status_code < 500:
            for output, value in _written(native, function.outputs):
                outputs[output].set(value)
        return answer

    async def _start(self) -> None:
        """Take the worker's loop for the process's, and run the start hooks, once."""
        if self._starting is None:
            self._starting = Lock()
        async with self._starting:
            if self._started:
                return
            from polyfn import lifecycle
            from polyfn.runtime import threads

            loop = get_running_loop()
            aio.factory = lambda: loop
            aio.adopt()
            threads.use(self._settings.get("threads") or threads.LIMIT, on_loop=False)
            await loop.run_in_executor(None, lifecycle.start)
            self._started = True

    def _context(self, name: str, told: "Any", native: NativeModel) -> Context:
        timeout = timeout_of(self._settings)
        return Context(
            request_id=told.invocation_id,
            function=name,
            provider="azure",
            region=variable("REGION_NAME"),
            deadline=None if timeout is None else time() + timeout,
            trace=lambda: trace_of(told),
            native=native,
        )

    def _request(self, given: "Any") -> "Request[Any]":
        from polyfn_azure.runtime.native_inputs import request_of
        from polyfn_azure.runtime.transport import stripper

        request = request_of(given)
        found = stripper(self._settings.get("route_prefix") or "")(request.raw_path)
        if found is not None:
            request.raw_path, request.base_path = found
        return request

    async def _answer(self, function: "Function", request: "Request[Any]", context: Context) -> "Any":
        from polyfn.runtime.replies import Reply
        from polyfn.runtime.serving import serve

        found = function.route(request)
        reply = found if isinstance(found, Reply) else await serve(found, request, context)
        return await self._response(reply)

    async def _response(self, reply: "Reply") -> "Any":
        """Make the library's reply, with every header and cookie, and of a stream the whole."""
        body = reply.body
        if reply.stream is not None:
            body = b"".join([piece async for piece in reply.stream])
        response = self._library.HttpResponse(body, status_code=reply.status)
        for name, value in reply.headers.items():
            response.headers.add(name, value)
        if "content-type" not in reply.headers:
            response.headers["content-type"] = "application/octet-stream"
        return response

    async def _deliver(
        self, function: "Function", given: "Any", native: NativeModel, context: Context
    ) -> None:
        from polyfn.errors import PayloadError
        from polyfn_azure.runtime.native_inputs import invocation_of

        name, invoker = function.name, function.invoker
        native.invocation = invocation_of(name, self._types[name], given, native.context)
        events = function.home.decode(native.invocation, invoker.declaration, self._settings)
        failed = await _run(invoker, events, context, given)
        drops = self._settings.get("poison") == "drop"
        for error in failed:
            if error is not None and not (drops and isinstance(error, PayloadError)):
                raise error


async def _run(
    invoker: "Invoker", events: "Any", context: Context, given: "Any"
) -> "list[BaseException | None]":
    if events is None:
        return []
    if isinstance(events, list):
        from polyfn.runtime.serving import deliver

        return [message.error for message in await deliver(invoker, events, context, native=given)]
    from polyfn.runtime.single import run

    return [*await run(invoker, [events], context)]


def _written(native: Native, declared: "dict[str, str]") -> "list[tuple[str, Any]]":
    """What the function wrote, as the worker sends it without a guess: bytes, or JSON for an object."""
    from polyfn.runtime import json

    if native.written is None:
        return []
    found: list[tuple[str, Any]] = []
    for name in native.outputs:
        value = native.outputs[name]
        if declared[name] not in BYTES:
            found.append((name, str(json.dumps(value), "utf-8")))
        else:
            found.append((name, _exact(value)))
    return found


def _exact(value: "Any") -> "Any":
    if isinstance(value, (list, tuple)):
        return [str(_exact(item), "utf-8") for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    from polyfn.runtime import json

    return json.dumps(value)


def trace_of(told: "Any") -> "Trace | None":
    """Return the caller's span as the worker tells it, None if there is none that is valid."""
    from polyfn.runtime.trace import parse_traceparent

    context = getattr(told, "trace_context", None)
    parent = getattr(context, "trace_parent", None) or getattr(context, "Traceparent", None)
    state = getattr(context, "trace_state", None) or getattr(context, "Tracestate", None)
    return parse_traceparent(parent, state or None) if parent else None


def sink(level: str, message: str, error: BaseException | None, fields: "dict[str, Any]") -> None:
    """Write polyfn's own log lines as records of `logging`, which the worker passes on with their level."""
    from logging import getLevelNamesMapping, getLogger

    facts = "".join(f" {name}={value}" for name, value in fields.items() if value is not None)
    number = getLevelNamesMapping().get(level, 40)
    getLogger("polyfn").log(number, "%s%s", message, facts, exc_info=error)
