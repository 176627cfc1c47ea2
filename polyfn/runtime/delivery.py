"""Delivering messages: per message or as a batch, in order or at once, each settled on its own."""

from polyfn.errors import DeadlineError
from polyfn.events import Batch
from polyfn.outcomes import Drop, Retry
from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.context import Context
    from polyfn.events import Message
    from polyfn.invoke import Invoker

#: No message is begun with less than this many seconds left, or this share of what there was: it
#: would be cut off by the platform, and the messages before it would be delivered again.
MARGIN = 0.25
MARGIN_SHARE = 0.05


def deliver(
    invoker: "Invoker",
    messages: "list[Message[Any]]",
    context: "Context",
    *,
    native: "Any" = None,
    ordered: bool = False,
) -> "list[Message[Any]]":
    """See `Invoker.deliver`."""
    if not messages:
        return []
    trigger = invoker.declaration.trigger
    concurrency = getattr(trigger, "concurrency", 1)
    # A stream is ordered by its nature, whoever delivers it.
    ordered = ordered or trigger.kind == "stream"
    if invoker.binding.level == "batch":
        _as_batch(invoker, messages, context, native)
    elif ordered or concurrency == 1 or len(messages) < 2:
        _one_by_one(invoker, messages, context, ordered)
    elif invoker.binding.style.startswith("async"):
        _as_tasks(invoker, messages, context, concurrency)
    else:
        _in_threads(invoker, messages, context, concurrency)
    return closed(messages, ordered)


def closed(messages: "list[Message[Any]]", ordered: bool) -> "list[Message[Any]]":
    """Take no more outcomes, and return the messages that failed, with `ordered` all behind the first."""
    for message in messages:
        message.open = False
    failed = [message for message in messages if message.failed]
    if ordered and failed:
        return messages[messages.index(failed[0]) :]
    return failed


def _as_batch(invoker: "Invoker", messages: "list[Message[Any]]", context: "Context", native: "Any") -> None:
    try:
        _drain(invoker.call(batch_of(invoker, messages, native), context))
    except Exception as error:  # noqa: BLE001  becomes the outcome of every message
        settle_all(messages, error, context)


def batch_of(invoker: "Invoker", messages: "list[Message[Any]]", native: "Any") -> "Any":
    """Return the Batch that a handler of batches is given."""
    for message in messages:
        message.binder = invoker.binding.data
    return Batch(messages, native=native)


def settle_all(messages: "list[Message[Any]]", error: Exception, context: "Context") -> None:
    """Turn what a handler of batches raised into the outcome of every message."""
    if isinstance(error, Drop):
        logs.report("ERROR", f"batch dropped: {error.reason}", request_id=context.request_id)
        return
    for message in messages:
        message.fail(error)
    report(error, context, None)


def _one_by_one(
    invoker: "Invoker", messages: "list[Message[Any]]", context: "Context", ordered: bool
) -> None:
    for index, message in enumerate(messages):
        if is_too_late(context, index):
            postpone(messages[index:], context)
            return
        try:
            _drain(invoker.call(message, context_of(context, message)))
        except Exception as error:  # noqa: BLE001  becomes the outcome of this message
            if not settle(message, error, context) and ordered:
                return
            if isinstance(error, DeadlineError):
                postpone(messages[index + 1 :], context)
                return


def _as_tasks(
    invoker: "Invoker", messages: "list[Message[Any]]", context: "Context", concurrency: int
) -> None:
    import asyncio

    from polyfn.runtime import aio

    pending = set(map(id, messages))

    async def one(message: "Message[Any]", slots: "asyncio.Semaphore") -> None:
        async with slots:
            try:
                result = await invoker.acall(message, context_of(context, message))
                if hasattr(result, "__aiter__"):
                    async for _ in result:
                        pass
                else:
                    _drain(result)
            except Exception as error:  # noqa: BLE001  becomes the outcome of this message
                settle(message, error, context)
            pending.discard(id(message))

    async def every() -> None:
        slots = asyncio.Semaphore(concurrency)
        async with asyncio.TaskGroup() as group:
            for message in messages:
                group.create_task(one(message, slots))

    try:
        aio.run(every(), until=context.deadline)
    except DeadlineError:
        postpone([message for message in messages if id(message) in pending], context)
        return
    for message in messages:
        if id(message) in pending:
            # The handler awaited something that had been cancelled: it has not done its work.
            settle(message, aio.cancelled_within(), context)


def _in_threads(
    invoker: "Invoker", messages: "list[Message[Any]]", context: "Context", concurrency: int
) -> None:
    """Run sync handlers side by side. What still runs at the margin counts as failed."""
    from concurrent.futures import ThreadPoolExecutor, wait
    from contextvars import copy_context

    def one(message: "Message[Any]") -> None:
        try:
            _drain(invoker.call(message, context_of(context, message)))
        except Exception as error:  # noqa: BLE001  becomes the outcome of this message
            if message.open:
                settle(message, error, context)
            else:
                # It counts as failed already, and its author wants to know why it took so long.
                logs.report(
                    "ERROR",
                    "message failed after its delivery was answered",
                    error=error,
                    request_id=context.request_id,
                    message_id=message.id,
                )

    if context.deferred is None:
        # Made before the threads start, so that they do not each make one.
        context.deferred = []
    pool = ThreadPoolExecutor(min(concurrency, len(messages)), thread_name_prefix="polyfn")
    running = {pool.submit(copy_context().run, one, message): message for message in messages}
    left = context.remaining()
    limit = None if left == float("inf") else max(0.0, left - min(MARGIN, left * MARGIN_SHARE))
    done, late = wait(running, timeout=limit)
    if late:
        postpone([running[future] for future in running if future in late], context)
    # Not waiting for the late ones: a thread cannot be stopped, and the reply must go out.
    pool.shutdown(wait=False, cancel_futures=True)
    for future in done:
        # What is no failure of a message, such as SystemExit, ends the invocation as it would elsewhere.
        future.result()


def _drain(result: "Any") -> None:
    """Run a generator handler to its end: a message has nowhere to stream to."""
    if hasattr(result, "__next__"):
        for _ in result:
            pass


def context_of(context: "Context", message: "Message[Any]") -> "Context":
    """The invocation's context with this message's attempt, sharing the deferred work."""
    if message.attempt is None:
        return context
    return context.for_attempt(message.attempt)


def settle(message: "Message[Any]", error: Exception, context: "Context") -> bool:
    """Turn what a handler raised into the message's outcome; return whether it succeeded."""
    if isinstance(error, Drop):
        logs.report(
            "ERROR",
            f"message dropped: {error.reason}",
            request_id=context.request_id,
            message_id=message.id,
        )
        return True
    message.fail(error)
    report(error, context, message.id)
    return False


def report(error: Exception, context: "Context", message_id: str | None) -> None:
    """Log why a message, or a batch where the id is None, was failed."""
    if isinstance(error, Retry):
        what = "batch" if message_id is None else "message"
        logs.report(
            "WARNING",
            f"{what} to be retried: {error.reason}",
            request_id=context.request_id,
            message_id=message_id,
        )
    else:
        what = "batch failed" if message_id is None else "message failed"
        logs.report("ERROR", what, error=error, request_id=context.request_id, message_id=message_id)


def is_too_late(context: "Context", index: int) -> bool:
    """Whether the message of this index is not to be begun any more."""
    if index == 0 or context.deadline is None:
        return False
    return context.remaining() < MARGIN


def postpone(messages: "list[Message[Any]]", context: "Context") -> None:
    """Fail messages that were not begun or not finished."""
    if not messages:
        return
    for message in messages:
        message.fail()
    logs.report(
        "WARNING",
        f"{len(messages)} messages are returned unfinished: the deadline is near",
        request_id=context.request_id,
    )
