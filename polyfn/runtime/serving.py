"""Serving a request, or a delivery of messages, from a running loop: the async sibling of `replies`.

Async handlers are awaited here. Sync handlers run in `threads`, or on the loop itself where the
process serves one request at a time. Either way a stream is read item by item.
"""

from asyncio import (
    CancelledError,
    _enter_task,
    _leave_task,
    _set_running_loop,
    current_task,
    get_running_loop,
    sleep,
)

from polyfn.http import Headers, Response
from polyfn.runtime import aio, json, logs, replies, threads
from polyfn.runtime.replies import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Any

    from polyfn.context import Context
    from polyfn.events import Event, Message
    from polyfn.http import Request
    from polyfn.invoke import Invoker

_END: "Any" = object()
_JSON = ("content-type", replies.JSON)


async def serve(invoker: "Invoker", request: "Request[Any]", context: "Context") -> Reply:
    """Call, and turn whatever happens into a reply. Failures are logged and never raised.

    The request has been routed (`router`). A cancellation that comes from outside goes through.
    """
    context.function = invoker.declaration.name
    call = invoker.declaration.trigger.kind == "call"
    event = _json_event(invoker, request) if call else request
    try:
        if invoker.binding.awaits:
            result = invoker.begin(event, context)
            if hasattr(result, "__await__"):
                result = await result
        else:
            result = await _apart(invoker, event, context, call)
            if hasattr(result, "__await__"):
                # A sync wrapper around something async gave it: the loop is where it belongs.
                result = await result
        return _of_json(result) if type(result) is dict else await _reply(result, call)
    except CancelledError:
        if _is_asked_for():
            raise
        error: BaseException = aio.cancelled_within()
    except Exception as raised:  # noqa: BLE001  every failure of a handler is a reply
        error = raised
    except (SystemExit, KeyboardInterrupt) as raised:
        # Others are being served by this process: one handler's sys.exit() must not end theirs.
        error = raised
    reply = replies.from_error(error)
    replies.report(error, reply, context)
    # Its traceback has this frame, and this frame it: together they would be the garbage collector's.
    del error
    return reply


def _is_asked_for() -> bool:
    task = current_task()
    return task is not None and bool(task.cancelling())


def _json_event(invoker: "Invoker", request: "Request[Any]") -> "Event[Any]":
    """A body that is empty is `{}` to a handler of JSON, as an empty payload is on a direct invoke."""
    if request.raw or invoker.binding.level in ("bytes", "event"):
        return request
    from polyfn.events import Event

    return Event(raw=b"{}", id=request.id, native=request.native)


def _of_json(result: "dict[Any, Any]") -> Reply:
    return Reply(200, Headers.checked([_JSON]), json.dumps(result))


async def _reply(result: "Any", call: bool) -> Reply:
    """Make a reply of a result that may be asynchronous, or a sync stream that an async handler gave."""
    if isinstance(result, Reply):
        return result
    if call and not _is_stream(result):
        return replies.from_call(result)
    body, status, headers = replies.parts(result)
    if hasattr(body, "__aiter__"):
        if status not in replies.BODILESS:
            return await _streamed(body, status, headers)
        await aclose(body)
        body = None
    if not hasattr(body, "__next__"):
        return replies.with_body(body, status, headers)
    reply: Reply = await _in_thread(lambda: replies.with_body(body, status, headers), None)
    return reply


def _is_stream(result: "Any") -> bool:
    body = result.body if isinstance(result, Response) else result
    return hasattr(body, "__next__") or hasattr(body, "__aiter__")


async def _streamed(source: "AsyncIterator[Any]", status: int, headers: Headers) -> Reply:
    # The first item is taken here: what fails before anything was sent can still be a clean 500.
    source = source.__aiter__()
    first = await anext(source, _END)
    if isinstance(first, Response):
        if first.body is not None:
            await aclose(source)
            raise replies.misopened()
        status, headers = first.status, Headers(first.headers)
        first = await anext(source, _END)
    if first is _END:
        return Reply(status, headers)
    return replies.streaming(first, status, headers, _Chunks(first, source))


async def aclose(source: "Any") -> None:
    """Close an iterator, async or not, if it can be closed."""
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()
        return
    close = getattr(source, "close", None)
    if close is not None:
        close()


class _Chunks:
    """The pieces of a streamed body as bytes. Closing it closes the handler's generator."""

    __slots__ = ("_first", "_source")

    def __init__(self, first: "Any", source: "AsyncIterator[Any]") -> None:
        self._first = first
        self._source = source

    def __aiter__(self) -> "AsyncIterator[bytes]":
        return self

    async def __anext__(self) -> bytes:
        item, self._first = self._first, _END
        return replies.chunk(await self._source.__anext__() if item is _END else item)

    async def aclose(self) -> None:
        await aclose(self._source)


async def _apart(invoker: "Invoker", event: "Event[Any]", context: "Context", call: bool) -> "Any":
    """Call a sync handler; return a Reply, or whatever asynchronous thing it gave."""

    def work() -> "Any":
        result = invoker.begin(event, context)
        body = result.body if isinstance(result, Response) else result
        if hasattr(body, "__await__") or hasattr(body, "__aiter__"):
            return result
        if type(result) is dict:
            return _of_json(result)
        # Here, so that neither JSON nor a stream's first item costs the others their loop.
        return replies.from_call(result) if call else replies.from_result(result)

    return await _in_thread(work, context)


async def _in_thread(call: "Callable[[], Any]", context: "Context | None") -> "Any":
    """Make a call that may give a reply with a sync stream; its stream becomes an async one."""
    if threads.inline:
        result = _outside(call)
        if threads.streams(result):
            result.stream = _Inline(result.stream)
        return result
    return await _threaded(call, context)


async def _threaded(call: "Callable[[], Any]", context: "Context | None") -> "Any":
    work = threads.Work(threads.pool(), threads.streams)
    try:
        result = await work.begin(call)
    except CancelledError:
        _leave(work, context)
        raise
    if threads.streams(result):
        result.stream = _Pulled(work, result.stream)
    return result


def _leave(work: threads.Work, context: "Context | None") -> None:
    """Stop waiting for a thread, which cannot be stopped itself; say so when it ends."""
    work.dropped = True
    if not work.begun:
        work.close()
        return
    from time import monotonic

    left_at = monotonic()

    def ended(good: bool, value: "Any") -> None:
        if good and threads.streams(value):
            work.close(value.stream.close)
        logs.report(
            "WARNING",
            f"a sync handler ended {monotonic() - left_at:.3f} s after its request was given up",
            error=None if good else value,
            request_id=context.request_id if context is not None else None,
        )

    work.late = ended


class _Pulled:
    """A sync iterator of a thread, asked for one item after another from the loop."""

    __slots__ = ("_source", "_work")

    def __init__(self, work: threads.Work, source: "Iterator[bytes]") -> None:
        self._work: threads.Work | None = work
        self._source = source

    def __aiter__(self) -> "AsyncIterator[bytes]":
        return self

    async def __anext__(self) -> bytes:
        if self._work is None:
            raise StopAsyncIteration
        # The thread stays as long as there are items, and leaves by itself after an error.
        self._work.stays = _is_item
        try:
            item: bytes = await self._work.more(lambda: next(self._source, _END))
        except CancelledError:
            await self.aclose()
            raise
        except BaseException:
            self._work = None
            raise
        if item is _END:
            self._work = None
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.close(self._source.close)  # type: ignore[attr-defined]


def _is_item(item: object) -> bool:
    return item is not _END


class _Inline:
    """A sync iterator read on the loop. Between two items the loop has its turn."""

    __slots__ = ("_source",)

    def __init__(self, source: "Iterator[bytes]") -> None:
        self._source = source

    def __aiter__(self) -> "AsyncIterator[bytes]":
        return self

    async def __anext__(self) -> bytes:
        await sleep(0)
        item: bytes = _outside(lambda: next(self._source, _END))
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        _outside(self._source.close)  # type: ignore[attr-defined]


def _outside(call: "Callable[[], Any]") -> "Any":
    """Call as if no loop ran in this thread, so that the handler may itself call `asyncio.run`.

    These functions are how asyncio has other implementations of tasks and loops say what they do
    (https://docs.python.org/3/library/asyncio-extending.html).
    """
    loop, task = get_running_loop(), current_task()
    assert task is not None
    _leave_task(loop, task)
    _set_running_loop(None)
    try:
        return call()
    finally:
        _set_running_loop(loop)
        _enter_task(loop, task)


async def run_deferred(context: "Context") -> None:
    """Run what `context.defer` collected, after the reply was sent. Failures are logged."""
    while context.deferred:
        work = context.deferred.pop(0)
        try:
            result = work() if _is_async(work) else await _in_thread(work, context)
            if hasattr(result, "__await__"):
                await result
        except CancelledError:
            if _is_asked_for():
                raise
            logs.report(
                "ERROR", "deferred work failed", error=aio.cancelled_within(), request_id=context.request_id
            )
        except BaseException as error:  # noqa: BLE001  the reply is out: nothing may stop the rest
            logs.report("ERROR", "deferred work failed", error=error, request_id=context.request_id)


def _is_async(work: "Callable[[], object]") -> bool:
    from polyfn.binding import awaits

    return awaits(work)


async def deliver(
    invoker: "Invoker",
    messages: "list[Message[Any]]",
    context: "Context",
    *,
    native: "Any" = None,
    ordered: bool = False,
) -> "list[Message[Any]]":
    """Call for a delivery of messages; return those that failed. See `Invoker.deliver`."""
    context.function = invoker.declaration.name
    if invoker.binding.awaits:
        from polyfn.runtime import async_delivery

        return await async_delivery.deliver(invoker, messages, context, native=native, ordered=ordered)

    def work() -> "list[Message[Any]]":
        return invoker.deliver(messages, context, native=native, ordered=ordered)

    # In a thread even where handlers run on the loop: what a wrapper makes of a message may need the loop.
    failed: list[Message[Any]] = await _threaded(work, context)
    return failed


async def handle(invoker: "Invoker", event: "Event[Any]", context: "Context") -> None:
    """Call for what the handler does: its result goes nowhere, a generator runs to its end.

    Raises what the handler raises. A cancellation that nobody asked for is a RuntimeError.
    """
    context.function = invoker.declaration.name
    try:
        if invoker.binding.awaits:
            await _spent(invoker.begin(event, context))
        else:
            await _spent(await _in_thread(lambda: _drained(invoker.begin(event, context)), context))
    except CancelledError:
        if _is_asked_for():
            raise
        raise aio.cancelled_within() from None
    except (SystemExit, KeyboardInterrupt) as ended:
        # Others are being served by this process: one handler's sys.exit() must not end theirs.
        raise RuntimeError(f"the handler raised {type(ended).__name__}") from ended


def _drained(result: "Any") -> "Any":
    if hasattr(result, "__next__"):
        for _ in result:
            pass
    return result


async def _spent(result: "Any") -> None:
    """Await a result, or read it to its end, if it is asynchronous."""
    if hasattr(result, "__await__"):
        await result
    elif hasattr(result, "__aiter__"):
        async for _ in result:
            pass
