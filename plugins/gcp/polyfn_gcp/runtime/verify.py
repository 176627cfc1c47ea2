"""What a request is, by its headers and its structure: used to verify what a trigger declares.

Senders are told apart by what they always write and what a caller's own data has no reason to carry:
reserved headers first, then the whole envelope in a body.
"""

from polyfn.errors import PayloadError, PolyfnError, TriggerMismatchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from polyfn.events import Event
    from polyfn.http import Request
    from polyfn_gcp.runtime.pubsub import Published

#: The forms of request, in the words of messages.
PUSH = "a Pub/Sub push"
UNWRAPPED = "a Pub/Sub push without wrapper"
TASK = "a task of Cloud Tasks"
TICK = "a job of Cloud Scheduler"
EVENT = "a CloudEvent"
BACKGROUND = "a background event"

#: How well what came fits a function, the best last: not at all; its kind, but another name is told; any
#: of its kind will do; its kind, and no name is told; its kind and its name.
NOT, OTHER, ANY, UNTOLD, EXACT = range(5)


class EnvelopeError(PolyfnError):
    """A request announces an event by its headers or its body, and the event cannot be read.

    `status` is what the sender is answered. The message names fields and quotes no values.
    """

    code = "PF330"

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(
            message, hint="the sender has to be corrected; what it sends is no fault of the function"
        )
        self.status = status


class Arrival:
    """One event that came with a request.

    `form` is one of the words above, or None for what no known sender sends. `headers` are the
    request's by name in lower case. `published` is the Pub/Sub message, `event` the CloudEvent that
    came; a message may hold an event and an event a message, so both may be there.
    """

    __slots__ = ("event", "form", "headers", "published", "request")

    def __init__(
        self,
        form: str | None,
        request: "Request[Any]",
        headers: "Mapping[str, str]",
        *,
        published: "Published | None" = None,
        event: "Event[Any] | None" = None,
    ) -> None:
        self.form = form
        self.request = request
        self.headers = headers
        self.published = published
        self.event = event


def arrivals(request: "Request[Any]", topic: str | None = None) -> "list[Arrival]":
    """Read what came: one arrival, or one for each event of a batch. Raises EnvelopeError.

    `topic` is the full name of a topic that the request's path tells.
    """
    headers = {name.lower(): value for name, value in reversed(request.headers.items())}
    found = _by_headers(request, headers)
    if found is None:
        found = _by_body(request, headers, topic)
    return [Arrival(None, request, headers)] if found is None else found


def _by_headers(request: "Request[Any]", headers: "dict[str, str]") -> "list[Arrival] | None":
    # Pub/Sub first: the attributes of a message are headers beside its own, and any of the others could
    # be among them, but never one with x-goog- in front.
    if any(name.startswith("x-goog-pubsub-") for name in headers):
        from polyfn_gcp.runtime import pubsub

        if pubsub.is_unwrapped(headers):
            message = pubsub.unwrapped(headers, request.raw, request)
            event = message.event(encoded=True)
            return [Arrival(UNWRAPPED, request, headers, published=message, event=event)]
    if "x-cloudtasks-queuename" in headers or "x-cloudtasks-taskname" in headers:
        return [Arrival(TASK, request, headers)]
    if "x-cloudscheduler" in headers or "x-cloudscheduler-jobname" in headers:
        return [Arrival(TICK, request, headers)]
    from polyfn_gcp.runtime import cloudevents

    mode = cloudevents.mode_of(headers)
    if mode is None:
        return None
    events = cloudevents.read(mode, headers, request.raw, request)
    return [_of_event(EVENT, event, request, headers) for event in events]


def _of_event(form: str, event: "Event[Any]", request: "Request[Any]", headers: "dict[str, str]") -> Arrival:
    from polyfn_gcp.runtime import pubsub

    message = pubsub.of_event(event) if event.type == pubsub.MESSAGE_PUBLISHED else None
    return Arrival(form, request, headers, published=message, event=event)


def _by_body(request: "Request[Any]", headers: "dict[str, str]", topic: str | None) -> "list[Arrival] | None":
    body = request.raw
    # A search through bytes is all that any other request pays.
    pushed = b'"message"' in body and b'"subscription"' in body
    if not pushed and b'"eventType"' not in body:
        return None
    try:
        told = request.payload
    except PayloadError:
        return None
    from polyfn_gcp.runtime import pubsub

    if pushed and pubsub.is_push(told):
        message = pubsub.wrapped(told, topic=topic)
        event = message.event(encoded=False)
        return [Arrival(PUSH, request, headers, published=message, event=event)]
    from polyfn_gcp.runtime import cloudevents, legacy

    if not legacy.is_background(told):
        return None
    event = cloudevents.from_object(legacy.to_cloudevent(told))
    event.native = told
    return [_of_event(BACKGROUND, event, request, headers)]


def what_came(arrival: Arrival) -> str:
    """Name what came, in words for a message that quotes nothing of it but the type of an event."""
    if arrival.form is None:
        return "a request that no known sender of events makes"
    if arrival.event is not None and arrival.form in (EVENT, BACKGROUND):
        return f"{arrival.form} of type {(arrival.event.type or '')[:100]!r}"
    return arrival.form


def mismatch(arrival: Arrival, declared: str, expected: str) -> TriggerMismatchError:
    """Return the error for what came to a function whose trigger is for something else."""
    return TriggerMismatchError(
        f"{what_came(arrival)} arrived, but the function declares {declared}, which takes {expected}",
        hint="connect the function to the source that its trigger declares, or declare the trigger for "
        "this source",
    )


def short(name: str | None) -> str | None:
    """The last part of a full name: `t` of `projects/p/topics/t`."""
    return None if name is None else name.rpartition("/")[2]
