"""Triggers of one event at a time: what became of each call."""

from polyfn.outcomes import Drop, Retry
from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.context import Context
    from polyfn.events import Event
    from polyfn.invoke import Invoker


async def run(invoker: "Invoker", events: "list[Event[Any]]", context: "Context") -> "list[Exception]":
    """Call once per event, in order; return what failed. Drop is logged as an error and succeeds.

    A failure does not keep the events behind it from being tried.
    """
    failed = []
    for event in events:
        error = await _call(invoker, event, context)
        if error is not None:
            failed.append(error)
    return failed


async def _call(invoker: "Invoker", event: "Event[Any]", context: "Context") -> Exception | None:
    from polyfn.runtime import serving

    told = context if event.attempt is None else context.for_attempt(event.attempt)
    try:
        await serving.handle(invoker, event, told)
    except Drop as drop:
        logs.report("ERROR", f"dropped: {drop.reason}", request_id=context.request_id)
    except Retry as retry:
        logs.report("WARNING", f"to be retried: {retry.reason}", request_id=context.request_id)
        return retry
    except Exception as error:  # noqa: BLE001  it becomes the status that the sender is answered
        logs.report("ERROR", "the handler failed", error=error, request_id=context.request_id)
        return error
    return None
