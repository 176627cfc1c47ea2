"""Invoking: every style of handler, one loop for all of them, and the deadline."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from polyfn import Call, Context, Event
from polyfn.errors import DeadlineError, DeclarationError, PayloadError
from polyfn.functions import Declaration
from polyfn.invoke import Invoker, run_deferred
from polyfn.runtime import aio

Make = Callable[..., Invoker]
EVENT = Event(raw=b'{"n":1}')


# Nine handlers and three more: every style with every arity.
def sync0():
    return [{"n": 1}, "f"]  # type: ignore[no-untyped-def]


def sync1(event):
    return [event, "f"]  # type: ignore[no-untyped-def]


def sync2(event, context):
    return [event, context.function]  # type: ignore[no-untyped-def]


async def async0():
    return sync0()  # type: ignore[no-untyped-def]


async def async1(event):
    return sync1(event)  # type: ignore[no-untyped-def]


async def async2(event, context):
    return sync2(event, context)  # type: ignore[no-untyped-def]


def generator0():
    yield from sync0()  # type: ignore[no-untyped-def]


def generator1(event):
    yield from sync1(event)  # type: ignore[no-untyped-def]


def generator2(event, context):
    yield from sync2(event, context)  # type: ignore[no-untyped-def]


async def chunks0():  # type: ignore[no-untyped-def]
    for item in sync0():
        yield item


async def chunks1(event):  # type: ignore[no-untyped-def]
    for item in sync1(event):
        yield item


async def chunks2(event, context):  # type: ignore[no-untyped-def]
    for item in sync2(event, context):
        await asyncio.sleep(0)
        yield item


EVERY = [
    sync0,
    sync1,
    sync2,
    async0,
    async1,
    async2,
    generator0,
    generator1,
    generator2,
    chunks0,
    chunks1,
    chunks2,
]


@pytest.mark.parametrize("handler", EVERY, ids=lambda handler: handler.__name__)
def test_every_style_with_every_arity(handler: Any, invoker: Make, context: Context) -> None:
    result = invoker(handler).call(EVENT, context)
    if handler.__name__.startswith(("generator", "chunks")):
        assert isinstance(result, Iterator)
        assert not hasattr(result, "__anext__")
        result = list(result)
    assert result == [{"n": 1}, "f"]


def test_case_16_zero_argument_handler(invoker: Make, context: Context) -> None:
    # Not even the payload is looked at: it need not be JSON.
    assert invoker(sync0).call(Event(raw=b"\xff"), context) == [{"n": 1}, "f"]


def test_case_17_a_handler_that_returns_none(invoker: Make, context: Context) -> None:
    async def later() -> None: ...

    assert invoker(lambda event: None).call(EVENT, context) is None
    assert invoker(later).call(EVENT, context) is None


def test_case_15_each_invocation_is_dispatched_by_itself(invoker: Make, context: Context) -> None:
    one, two = invoker(lambda event: ("one", event["n"])), invoker(lambda event: ("two", event["n"]))
    results = [each.call(Event(payload={"n": n}), context) for n in (1, 2) for each in (one, two, one)]
    assert results == [("one", 1), ("two", 1), ("one", 1), ("one", 2), ("two", 2), ("one", 2)]


def test_case_21_context_and_deadline_are_those_of_this_invocation(
    invoker: Make, within: Callable[..., Context]
) -> None:
    seen: list[Context] = []
    mine = invoker(lambda event, context: seen.append(context))
    contexts = [within(5), within(50)]
    for each in contexts:
        mine.call(EVENT, each)
    assert seen == contexts
    assert 4 < seen[0].remaining() <= 5 < 49 < seen[1].remaining() <= 50


def test_case_27_any_json_reaches_the_handler(invoker: Make, context: Context) -> None:
    same = invoker(lambda event: event)
    for raw, value in [
        (b"null", None),
        (b'""', ""),
        (b"0", 0),
        (b"[]", []),
        (b'{"Records":[]}', {"Records": []}),
    ]:
        assert same.call(Event(raw=raw), context) == value


def test_a_sync_function_may_return_a_coroutine(invoker: Make, context: Context) -> None:
    def handler(event: Any) -> Any:
        return async1(event)

    def wrapper(event: Any) -> Any:
        return chunks1(event)

    assert invoker(handler).call(EVENT, context) == [{"n": 1}, "f"]
    assert list(invoker(wrapper).call(EVENT, context)) == [{"n": 1}, "f"]


def test_an_async_wrapper_makes_a_sync_handler_async(invoker: Make, context: Context) -> None:
    @functools.wraps(sync1)
    async def wrapper(event: Any) -> Any:
        return sync1(event)

    assert invoker(wrapper).call(EVENT, context) == [{"n": 1}, "f"]


def test_what_the_handler_raises_comes_out_as_it_is(invoker: Make, context: Context) -> None:
    error = ValueError("mine")

    def sync(event: Any) -> None:
        raise error

    async def later(event: Any) -> None:
        raise error

    async def chunks(event: Any) -> AsyncIterator[int]:
        yield 1
        raise error

    for handler in (sync, later):
        with pytest.raises(ValueError, match="mine") as caught:
            invoker(handler).call(EVENT, context)
        assert caught.value is error
    stream = invoker(chunks).call(EVENT, context)
    assert next(stream) == 1
    with pytest.raises(ValueError, match="mine"):
        next(stream)


def test_a_misfit_is_a_payload_error(invoker: Make, context: Context) -> None:
    def handler(event: list) -> None:  # type: ignore[type-arg]
        pytest.fail("must not run")

    with pytest.raises(PayloadError):
        invoker(handler).call(EVENT, context)


def test_an_invoker_refuses_what_can_never_be_called() -> None:
    with pytest.raises(DeclarationError):
        Invoker(Declaration("f", Call(), len))


# The loop.


def test_every_invocation_runs_on_one_loop(invoker: Make, context: Context) -> None:
    async def handler() -> Any:
        return asyncio.get_running_loop()

    async def chunks() -> AsyncIterator[Any]:
        yield asyncio.get_running_loop()

    mine = invoker(handler)
    loops = [mine.call(EVENT, context), mine.call(EVENT, context), *invoker(chunks).call(EVENT, context)]
    assert loops == [aio.loop()] * 3


def test_case_19_a_sync_handler_that_calls_asyncio_run(invoker: Make, context: Context) -> None:
    async def inside() -> Any:
        return asyncio.get_running_loop()

    async def outside(event: Any) -> Any:
        return asyncio.get_running_loop()

    own = invoker(lambda event: asyncio.run(inside()))
    ours = invoker(outside)
    process = aio.loop()
    for _ in range(3):
        assert own.call(EVENT, context) is not process
        assert ours.call(EVENT, context) is process


def test_case_19_an_async_handler_beside_one_that_calls_asyncio_run_keeps_its_tasks(
    invoker: Make, context: Context
) -> None:
    started: list[asyncio.Task[str]] = []

    async def late() -> str:
        await asyncio.sleep(0.01)
        return "done"

    async def begin() -> None:
        started.append(asyncio.create_task(late()))

    async def finish() -> str:
        return await started[0]

    invoker(begin).call(EVENT, context)
    invoker(lambda event: asyncio.run(late())).call(EVENT, context)
    assert invoker(finish).call(EVENT, context) == "done"


def test_a_subprocess_can_be_awaited(invoker: Make, context: Context) -> None:
    async def handler() -> int | None:
        process = await asyncio.create_subprocess_exec("true")
        return await process.wait()

    assert invoker(handler).call(EVENT, context) == 0


# The deadline.


def test_an_async_handler_is_cancelled_before_its_deadline(
    invoker: Make, within: Callable[..., Context]
) -> None:
    told: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            told.append("cleaned up")

    context = within(1.0)
    with pytest.raises(DeadlineError) as caught:
        invoker(handler).call(EVENT, context)
    assert told == ["cleaned up"]
    assert context.remaining() > 0
    assert caught.value.code == "PF109"
    # The loop is as good as before.
    assert invoker(async1).call(EVENT, context) == [{"n": 1}, "f"]


def test_a_stream_is_cancelled_before_its_deadline(invoker: Make, within: Callable[..., Context]) -> None:
    told: list[str] = []

    async def handler() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            told.append("cleaned up")

    stream = invoker(handler).call(EVENT, within(0.3))
    assert next(stream) == 1
    with pytest.raises(DeadlineError):
        next(stream)
    assert told == ["cleaned up"]


def test_the_handlers_own_timeout_is_its_own(invoker: Make, within: Callable[..., Context]) -> None:
    async def handler() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)

    async def raised() -> None:
        raise TimeoutError("the database")

    for each in (handler, raised):
        with pytest.raises(TimeoutError):
            invoker(each).call(EVENT, within(30))


def test_a_deadline_that_has_passed_still_ends_in_a_deadline_error(
    invoker: Make, within: Callable[..., Context]
) -> None:
    async def handler() -> None:
        await asyncio.sleep(60)

    with pytest.raises(DeadlineError):
        invoker(handler).call(EVENT, within(-1))


def test_a_cancellation_from_within_is_an_error_and_not_the_end(invoker: Make, context: Context) -> None:
    async def handler() -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    async def chunks() -> AsyncIterator[int]:
        yield 1
        await handler()

    with pytest.raises(RuntimeError, match="had been cancelled"):
        invoker(handler).call(EVENT, context)
    stream = invoker(chunks).call(EVENT, context)
    assert next(stream) == 1
    with pytest.raises(RuntimeError, match="had been cancelled"):
        next(stream)


# Work after the reply.


def test_deferred_work_runs_in_order_and_survives_failures(context: Context, lines: list[Any]) -> None:
    done: list[Any] = []

    async def later() -> None:
        done.append(2)
        context.defer(lambda: done.append(4))

    def broken() -> None:
        raise ValueError("no")

    context.defer(lambda: done.append(1))
    context.defer(later)
    context.defer(broken)
    context.defer(lambda: done.append(3))
    run_deferred(context)
    assert done == [1, 2, 3, 4]
    assert not context.deferred
    assert [(level, message, str(error)) for level, message, error, _ in lines] == [
        ("ERROR", "deferred work failed", "no")
    ]
    assert lines[0][3] == {"request_id": "r-1"}


def test_without_deferred_work_there_is_nothing_to_run(context: Context) -> None:
    run_deferred(context)


def test_acall_awaits_what_needs_it(invoker: Make, context: Context) -> None:
    async def both() -> list[Any]:
        return [await invoker(each).acall(EVENT, context) for each in (sync2, async2, async0)]

    assert aio.run(both()) == [[{"n": 1}, "f"]] * 3


def test_a_warm_call_is_cheap(invoker: Make, context: Context) -> None:
    """A guard against the accident (an import, a regular expression per call), not a benchmark."""
    mine = invoker(sync2)
    mine.call(Event(raw=b"{}"), context)
    began = time.process_time()
    for _ in range(1000):
        mine.call(Event(raw=b"{}"), context)
    assert time.process_time() - began < 0.5


def test_deferred_work_that_raises_no_exception_stops_nothing_unless_it_exits(
    context: Context, lines: list[Any]
) -> None:
    done: list[int] = []

    def cancelled() -> None:
        raise asyncio.CancelledError

    def leaves() -> None:
        raise SystemExit(3)

    for work in (cancelled, lambda: done.append(1), leaves, lambda: done.append(2)):
        context.defer(work)
    with pytest.raises(SystemExit):
        run_deferred(context)
    assert done == [1]
    assert [line[:2] for line in lines] == [("ERROR", "deferred work failed")]
