"""Delivering messages: each settled on its own, in order or at once, and none lost."""

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from polyfn import Batch, Context, Drop, Message, Queue, Retry, Stream, Topic
from polyfn.errors import SettlementError
from polyfn.functions import Declaration
from polyfn.invoke import Invoker

Make = Callable[..., Invoker]
Messages = Callable[..., list[Message[Any]]]
WIDE = Queue("q", concurrency=4)


def ids(messages: list[Message[Any]]) -> list[str | None]:
    return [message.id for message in messages]


def outcome(payload: str) -> None:
    """What a handler makes of a payload that names its own outcome."""
    match payload:
        case "fail":
            raise ValueError("no")
        case "retry":
            raise Retry("later", after=3)
        case "drop":
            raise Drop("useless")


def sync(message: Message[str]) -> None:
    outcome(message.data)


async def coroutine(message: Message[str]) -> None:
    await asyncio.sleep(0)
    outcome(message.data)


def generator(message: Message[str]) -> Iterator[int]:
    yield 1
    outcome(message.data)


async def chunks(message: Message[str]) -> AsyncIterator[int]:
    yield 1
    outcome(message.data)


def returns_coroutine(message: Message[str]) -> Any:
    return coroutine(message)


@functools.wraps(sync)
async def async_wrapper(message: Message[str]) -> None:
    sync(message)


STYLES = [sync, coroutine, generator, chunks, returns_coroutine, async_wrapper]


@pytest.mark.parametrize("trigger", [Queue("q"), WIDE, Topic("t"), Topic("t", concurrency=2)], ids=str)
@pytest.mark.parametrize("handler", STYLES, ids=lambda handler: handler.__name__)
def test_case_24_each_message_has_its_own_outcome(
    handler: Any, trigger: Queue, invoker: Make, messages: Messages, context: Context, lines: list[Any]
) -> None:
    given = messages("ok", "fail", "drop", "retry", "ok", "fail")
    failed = invoker(handler, trigger).deliver(given, context)
    assert ids(failed) == ["m1", "m3", "m5"]
    assert all(message.failed for message in failed)
    assert isinstance(given[1].error, ValueError)
    assert isinstance(given[3].error, Retry)
    assert sorted((level, message, fields["message_id"]) for level, message, _, fields in lines) == [
        ("ERROR", "message dropped: useless", "m2"),
        ("ERROR", "message failed", "m1"),
        ("ERROR", "message failed", "m5"),
        ("WARNING", "message to be retried: later", "m3"),
    ]


@pytest.mark.parametrize("trigger", [Queue("q"), WIDE], ids=str)
@pytest.mark.parametrize("handler", STYLES, ids=lambda handler: handler.__name__)
def test_case_23_a_failure_is_never_a_success(
    handler: Any, trigger: Queue, invoker: Make, messages: Messages, context: Context
) -> None:
    assert len(invoker(handler, trigger).deliver(messages("fail", "fail"), context)) == 2
    assert invoker(handler, trigger).deliver(messages("ok", "ok"), context) == []


@pytest.mark.parametrize("handler", STYLES, ids=lambda handler: handler.__name__)
@pytest.mark.parametrize(
    ("trigger", "ordered"), [(Queue("q"), True), (WIDE, True), (Stream("s"), False)], ids=str
)
def test_an_ordered_delivery_stops_at_its_first_failure(
    handler: Any, trigger: Any, ordered: bool, invoker: Make, messages: Messages, context: Context
) -> None:
    given = messages("ok", "drop", "ok", "retry", "ok", "fail", "ok")
    failed = invoker(handler, trigger).deliver(given, context, ordered=ordered)
    assert failed == given[3:]
    assert [message.failed for message in given[4:]] == [False] * 3


def test_an_ordered_delivery_runs_in_order(invoker: Make, messages: Messages, context: Context) -> None:
    seen: list[Any] = []

    async def handler(message: Message[int]) -> None:
        await asyncio.sleep(0.01 / (1 + message.data))
        seen.append(message.data)

    assert invoker(handler, WIDE).deliver(messages(*range(5)), context, ordered=True) == []
    assert seen == [0, 1, 2, 3, 4]


class Order(BaseModel):
    id: int


@pytest.mark.parametrize("trigger", [Queue("q"), WIDE], ids=str)
def test_a_payload_that_does_not_fit_fails_its_message_alone(
    trigger: Queue, invoker: Make, messages: Messages, context: Context, lines: list[Any]
) -> None:
    async def handler(message: Message[Order]) -> None:
        assert message.data.id

    def plain(event: Order) -> None:
        assert event.id

    for each in (handler, plain):
        given = messages({"id": 1}, {"id": "secret-value"}, {"id": 3})
        assert ids(invoker(each, trigger).deliver(given, context)) == ["m1"]
    assert len(lines) == 2
    assert "secret-value" not in str(lines)


def test_nothing_is_delivered_where_there_is_nothing(invoker: Make, context: Context) -> None:
    def handler(batch: Batch[Any]) -> None:
        pytest.fail("must not run")

    assert invoker(handler, Queue("q")).deliver([], context) == []


OUTCOMES = st.lists(st.sampled_from(["ok", "fail", "drop", "retry"]), max_size=8)


@given(OUTCOMES, st.integers(1, 5), st.booleans(), st.sampled_from([sync, coroutine]))
def test_failures_come_back_and_nothing_else(
    outcomes: list[str], concurrency: int, ordered: bool, handler: Any
) -> None:
    given = [Message(payload=text, id=str(n)) for n, text in enumerate(outcomes)]
    mine = Invoker(Declaration("f", Queue("q", concurrency=concurrency), handler))
    failed = mine.deliver(given, Context(request_id="r", function="f", provider="t"), ordered=ordered)
    bad = [n for n, text in enumerate(outcomes) if text in ("fail", "retry")]
    expected = list(range(bad[0], len(outcomes))) if ordered and bad else bad
    assert ids(failed) == [str(n) for n in expected]


# Side by side.


def test_async_handlers_run_side_by_side_up_to_the_bound(
    invoker: Make, messages: Messages, context: Context
) -> None:
    running, most = 0, 0

    async def handler(event: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1

    assert invoker(handler, Queue("q", concurrency=3)).deliver(messages(*range(9)), context) == []
    assert (most, running) == (3, 0)


def test_sync_handlers_run_side_by_side_up_to_the_bound(
    invoker: Make, messages: Messages, context: Context
) -> None:
    together = threading.Barrier(3, timeout=10)

    def handler(event: int) -> None:
        # Passes only if three are inside at once.
        together.wait()

    assert invoker(handler, Queue("q", concurrency=3)).deliver(messages(*range(6)), context) == []


def test_a_blocked_sync_handler_never_blocks_the_next(
    invoker: Make, messages: Messages, within: Callable[..., Context], lines: list[Any]
) -> None:
    release, done = threading.Event(), []

    def handler(event: int) -> None:
        if event == 0:
            release.wait(30)
        done.append(event)

    began = time.monotonic()
    given = messages(*range(6))
    failed = invoker(handler, Queue("q", concurrency=2)).deliver(given, within(1.5))
    assert time.monotonic() - began < 5
    assert (ids(failed), done) == (["m0"], [1, 2, 3, 4, 5])
    assert [line[:2] for line in lines] == [
        ("WARNING", "1 messages are returned unfinished: the deadline is near")
    ]
    release.set()


def test_what_fails_after_the_reply_changes_nothing(
    invoker: Make, messages: Messages, within: Callable[..., Context], lines: list[Any]
) -> None:
    release = threading.Event()
    threads: list[threading.Thread] = []

    def handler(message: Message[int]) -> None:
        threads.append(threading.current_thread())
        release.wait(30)
        raise ValueError("too late")

    given = messages(1, 2)
    failed = invoker(handler, WIDE).deliver(given, within(0.2))
    errors = [message.error for message in failed]
    release.set()
    for thread in threads:
        thread.join(10)
    assert errors == [None, None] == [message.error for message in given]
    late = [line for line in lines if line[1] == "message failed after its delivery was answered"]
    assert sorted(line[3]["message_id"] for line in late) == ["m0", "m1"]


def test_sys_exit_in_a_thread_is_no_success(invoker: Make, messages: Messages, context: Context) -> None:
    def handler(event: int) -> None:
        if event == 1:
            raise SystemExit(3)

    for trigger in (Queue("q"), WIDE):
        with pytest.raises(SystemExit):
            invoker(handler, trigger).deliver(messages(0, 1, 2), context)


@pytest.mark.parametrize("trigger", [Queue("q"), WIDE], ids=str)
def test_a_cancellation_from_within_is_no_success(
    trigger: Queue, invoker: Make, messages: Messages, context: Context
) -> None:
    async def handler(event: int) -> None:
        if event == 1:
            task = asyncio.create_task(asyncio.sleep(60))
            task.cancel()
            await task

    given = messages(0, 1, 2)
    assert ids(invoker(handler, trigger).deliver(given, context)) == ["m1"]
    assert isinstance(given[1].error, RuntimeError)


# The deadline.


def test_near_the_deadline_the_rest_is_returned_unfinished(
    invoker: Make, messages: Messages, within: Callable[..., Context]
) -> None:
    done: list[int] = []

    def handler(event: int) -> None:
        done.append(event)
        time.sleep(0.12)

    failed = invoker(handler, Queue("q")).deliver(messages(*range(6)), within(0.45))
    assert 1 <= len(done) <= 3
    assert ids(failed) == [f"m{n}" for n in range(len(done), 6)]


def test_the_first_message_is_tried_however_late_it_is(
    invoker: Make, messages: Messages, within: Callable[..., Context]
) -> None:
    assert ids(invoker(sync, Queue("q")).deliver(messages("ok", "ok"), within(0.01))) == ["m1"]


@pytest.mark.parametrize("trigger", [Queue("q"), WIDE], ids=str)
def test_async_handlers_are_cancelled_at_the_margin(
    trigger: Queue, invoker: Make, messages: Messages, within: Callable[..., Context]
) -> None:
    cleaned: list[int] = []

    async def handler(event: int) -> None:
        try:
            await asyncio.sleep(60 if event else 0)
        finally:
            cleaned.append(event)

    context = within(1.0)
    assert ids(invoker(handler, trigger).deliver(messages(0, 1, 2), context)) == ["m1", "m2"]
    assert context.remaining() > 0
    assert sorted(cleaned) == ([0, 1] if trigger.concurrency == 1 else [0, 1, 2])


# The context.


@pytest.mark.parametrize("trigger", [Queue("q"), WIDE], ids=str)
def test_each_message_has_its_own_attempt_and_all_share_the_deferred_work(
    trigger: Queue, invoker: Make, context: Context
) -> None:
    seen: dict[str | None, int | None] = {}

    def handler(message: Message[Any], context: Context) -> None:
        if trigger is WIDE:
            # There before any thread asks for it: two that each made one would lose work.
            assert context.deferred is not None
        seen[message.id] = context.attempt
        context.defer(lambda: None)

    given = [Message(payload=1, id=f"m{n}", attempt=n or None) for n in range(4)]
    assert invoker(handler, trigger).deliver(given, context) == []
    assert seen == {"m0": None, "m1": 1, "m2": 2, "m3": 3}
    assert context.deferred is not None
    assert len(context.deferred) == 4
    assert context.attempt is None


# Batches.


def test_a_batch_handler_settles_its_messages(
    invoker: Make, messages: Messages, context: Context, lines: list[Any]
) -> None:
    def handler(batch: Batch[str]) -> None:
        assert len(batch) == 5
        assert batch.native == {"vendor": 1}
        for message in batch:
            with message:
                outcome(message.data)
        batch[4].fail()

    failed = invoker(handler, Queue("q")).deliver(
        messages("ok", "fail", "drop", "retry", "ok"), context, native={"vendor": 1}
    )
    assert ids(failed) == ["m1", "m3", "m4"]
    assert len(lines) == 3


def test_a_batchs_data_is_bound_message_by_message(
    invoker: Make, messages: Messages, context: Context
) -> None:
    seen: list[int] = []

    def handler(batch: Batch[Order], context: Context) -> None:
        for message in batch:
            with message:
                seen.append(message.data.id)

    assert ids(invoker(handler, Queue("q")).deliver(messages({"id": 1}, {}, {"id": 3}), context)) == ["m1"]
    assert seen == [1, 3]


async def async_batch(batch: Batch[str]) -> None:
    for message in batch:
        outcome(message.data)


def generator_batch(batch: Batch[str]) -> Iterator[int]:
    for message in batch:
        yield 1
        outcome(message.data)


async def chunks_batch(batch: Batch[str]) -> AsyncIterator[int]:
    for message in batch:
        yield 1
        outcome(message.data)


@pytest.mark.parametrize("handler", [async_batch, generator_batch, chunks_batch], ids=lambda h: h.__name__)
def test_a_batch_handler_of_any_style_runs_to_its_end(
    handler: Any, invoker: Make, messages: Messages, context: Context
) -> None:
    mine = invoker(handler, Queue("q"))
    assert mine.deliver(messages("ok", "ok"), context) == []
    assert ids(mine.deliver(messages("ok", "fail"), context)) == ["m0", "m1"]
    assert ids(mine.deliver(messages("ok", "retry"), context)) == ["m0", "m1"]
    assert mine.deliver(messages("ok", "drop"), context) == []


def test_a_dropped_batch_still_has_the_failures_that_came_before(
    invoker: Make, messages: Messages, context: Context
) -> None:
    def handler(batch: Batch[str]) -> None:
        batch[0].fail()
        raise Drop("the rest is useless")

    assert ids(invoker(handler, Queue("q")).deliver(messages("a", "b"), context)) == ["m0"]


def test_an_ordered_batch_returns_everything_behind_its_first_failure(
    invoker: Make, messages: Messages, context: Context
) -> None:
    def handler(batch: Batch[str]) -> None:
        batch[1].fail()

    assert ids(invoker(handler, Queue("q")).deliver(messages(1, 2, 3), context, ordered=True)) == ["m1", "m2"]


def test_case_25_an_id_is_checked_before_the_platform_sees_it(messages: Messages) -> None:
    given = messages(1, 2)
    batch = Batch(given)
    batch.fail("m1")
    batch.fail(given[0])
    assert [message.failed for message in batch] == [True, True]
    nameless = Batch([Message(payload=1)])
    for wrong in ("m2", "", None, Message(payload=1, id="m1")):
        for each in (batch, nameless):
            if not (each is batch and isinstance(wrong, Message)):
                with pytest.raises(SettlementError, match="not in this batch"):
                    each.fail(wrong)  # type: ignore[arg-type]
    assert not nameless[0].failed


def test_settling_too_late_is_an_error_of_its_own(
    invoker: Make, messages: Messages, context: Context
) -> None:
    given = messages(1)
    assert invoker(lambda batch: None, Queue("q")).deliver(given, context) == []
    with pytest.raises(SettlementError, match="after its batch had been answered") as caught:
        given[0].fail()
    assert "before the handler returns" in str(caught.value.hint)


def test_a_with_block_lets_the_end_of_the_process_through(messages: Messages) -> None:
    (message,) = messages(1)
    with pytest.raises(KeyboardInterrupt), message:
        raise KeyboardInterrupt
    assert not message.failed


def test_case_29_no_body_is_logged(invoker: Make, context: Context, lines: list[Any]) -> None:
    def handler(message: Message[dict[str, Any]]) -> None:
        raise ValueError("no")

    invoker(handler, Queue("q")).deliver([Message(payload={"card": "4111"}, id="m")], context)
    assert len(lines) == 1
    assert "4111" not in repr([(*line[:2], repr(line[2]), line[3]) for line in lines])
