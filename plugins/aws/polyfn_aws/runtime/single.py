"""Triggers of one event at a time on asynchronous invocations: what the outcome is to Lambda.

What such an invocation returns goes nowhere, so success is `null`. An exception fails it, and Lambda
invokes again, twice by default, and then sends the event to the dead-letter queue or destination.
"""

from polyfn.outcomes import Drop, Retry
from polyfn.runtime import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from polyfn.context import Context
    from polyfn.events import Event
    from polyfn.invoke import Invoker

DONE = b"null"


def run(invoker: "Invoker", events: "Iterable[Event[Any]]", context: "Context") -> bytes:
    """Call once per event and return `null`.

    A failure does not keep the events behind it from being tried; the first is raised at the end,
    and Lambda sends all of them again. Drop is logged as an error and counts as success; Retry fails the
    invocation as well, and is no error to the log.
    """
    first: Exception | None = None
    for event in events:
        try:
            result = invoker.call(event, context)
            if hasattr(result, "__next__"):
                for _ in result:
                    pass
        except Drop as drop:
            logs.report("ERROR", f"dropped: {drop.reason}", request_id=context.request_id)
        except Exception as error:  # noqa: BLE001  raised below
            if isinstance(error, Retry):
                logs.report("WARNING", f"to be retried: {error.reason}", request_id=context.request_id)
            if first is None:
                first = error
            elif not isinstance(error, Retry):
                logs.report("ERROR", "the handler failed", error=error, request_id=context.request_id)
    if isinstance(first, Retry):
        from polyfn_aws.runtime import logs as lines

        # It fails the invocation, and the loop need not log it as an error.
        lines.told = first
    if first is not None:
        raise first
    return DONE
