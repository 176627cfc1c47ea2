"""Messages of queues: tasks of Cloud Tasks, and Pub/Sub subscriptions that are used as queues.

Which of the two it is shows by what comes. The headers of a task are those of
https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler; any but the queue's and the
task's name may be absent.
"""

from polyfn.events import Message
from polyfn_gcp.runtime.topics import fit_by_name, message_of
from polyfn_gcp.runtime.verify import EXACT, NOT, OTHER, TASK, mismatch, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_gcp.runtime.verify import Arrival

TAKES = "tasks of Cloud Tasks and pushes of Pub/Sub subscriptions"

_PREFIX = "x-cloudtasks-"


def fit(arrival: "Arrival", declaration: "Declaration") -> int:
    """How well what came fits; see verify."""
    trigger: Any = declaration.trigger
    if arrival.form == TASK:
        named = arrival.headers.get(f"{_PREFIX}queuename")
        return EXACT if trigger.name in (named, short(named)) else OTHER
    return NOT if arrival.published is None else fit_by_name(arrival.published, trigger)


def decode(arrival: "Arrival", declaration: "Declaration") -> "Message[Any]":
    """Make a message of what came. Raises TriggerMismatchError for what is none."""
    if arrival.form == TASK:
        return _task(arrival)
    found = arrival.published
    if found is None:
        raise mismatch(arrival, repr(declaration.trigger), TAKES)
    return message_of(arrival, found, short(found.subscription))


def _task(arrival: "Arrival") -> "Message[Any]":
    from polyfn_gcp.runtime.pubsub import attributes_of

    headers = arrival.headers
    # TaskExecutionCount leaves out what failed with 5xx, so it is not the number of this attempt.
    retries = headers.get(f"{_PREFIX}taskretrycount", "")
    queue = headers.get(f"{_PREFIX}queuename")
    return Message(
        raw=arrival.request.raw,
        id=headers.get(f"{_PREFIX}taskname"),
        source=queue,
        time=_seconds(headers.get(f"{_PREFIX}tasketa")),
        content_type=headers.get("content-type"),
        attributes=attributes_of(headers),
        attempt=int(retries) + 1 if retries.isdecimal() else None,
        origin=short(queue),
        native=arrival.request,
    )


def _seconds(text: str | None) -> float | None:
    """When the task was due, in seconds since the epoch."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
