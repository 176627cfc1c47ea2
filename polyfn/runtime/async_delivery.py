"""Delivering messages to an async handler from a running loop: the sibling of `delivery`."""

from asyncio import CancelledError, Semaphore, TaskGroup, current_task, get_running_loop

from polyfn.errors import DeadlineError
from polyfn.runtime import aio
from polyfn.runtime.delivery import (
    batch_of,
    closed,
    context_of,
    is_too_late,
    postpone,
    settle,
    settle_all,
)
from polyfn.runtime.patience import Limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.context import Context
    from polyfn.events import Event, Message
    from polyfn.invoke import Invoker

#: A handler is cancelled this share of its time before the request is: the outcomes of the messages
#: that are done are then still told, where the end of the request would have all of them again.
AHEAD = 0.05


async def deliver(
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
    ordered = ordered or trigger.kind == "stream"
    if invoker.binding.level == "batch":
        try:
            await _call(invoker, batch_of(invoker, messages, native), context, context)
        except Exception as error:  # noqa: BLE001  becomes the outcome of every message
            settle_all(messages, error, context)
    elif ordered or concurrency == 1 or len(messages) < 2:
        await _one_by_one(invoker, messages, context, ordered)
    else:
        await _as_tasks(invoker, messages, context, concurrency)
    return closed(messages, ordered)


async def _one_by_one(
    invoker: "Invoker", messages: "list[Message[Any]]", context: "Context", ordered: bool
) -> None:
    for index, message in enumerate(messages):
        if is_too_late(context, index):
            postpone(messages[index:], context)
            return
        try:
            await _call(invoker, message, context_of(context, message), context)
        except Exception as error:  # noqa: BLE001  becomes the outcome of this message
            if not settle(message, error, context) and ordered:
                return
            if isinstance(error, DeadlineError):
                postpone(messages[index + 1 :], context)
                return


async def _as_tasks(
    invoker: "Invoker", messages: "list[Message[Any]]", context: "Context", concurrency: int
) -> None:
    slots = Semaphore(concurrency)

    async def one(message: "Message[Any]") -> None:
        async with slots:
            if is_too_late(context, 1):
                postpone([message], context)
                return
            try:
                await _call(invoker, message, context_of(context, message), context)
            except Exception as error:  # noqa: BLE001  becomes the outcome of this message
                settle(message, error, context)

    if context.deferred is None:
        # Made before the tasks start, so that they do not each make one.
        context.deferred = []
    async with TaskGroup() as group:
        for message in messages:
            group.create_task(one(message))


async def _call(invoker: "Invoker", event: "Event[Any]", context: "Context", whole: "Context") -> None:
    """Call and await to the end, at most until shortly before the deadline. Raises DeadlineError."""
    seconds = when = None
    if whole.deadline is not None and whole.deadline != float("inf"):
        seconds = aio.budget(whole.deadline) * (1 - AHEAD)
        when = get_running_loop().time() + seconds
    limit = Limit(when)
    try:
        with limit:
            await _awaited(invoker.begin(event, context))
    except TimeoutError:
        if not limit.expired:
            raise
        raise aio.too_long(seconds or 0.0) from None
    except CancelledError as error:
        task = current_task()
        if task is not None and task.cancelling():
            raise
        raise aio.cancelled_within() from error


async def _awaited(result: "Any") -> None:
    if hasattr(result, "__aiter__"):
        # A message has nowhere to stream to.
        async for _ in result:
            pass
    else:
        await result
