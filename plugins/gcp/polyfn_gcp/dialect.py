"""Google Cloud's words for what is neutral: requests as its services make them, answers and lines read back.

The shapes are those of Google's documentation, as in `samples`, with the facts of the event that is given.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from polyfn.events import Event, Message, ObjectChange
from polyfn.toolchain.dialect import Dialect, Form, Logged, Settled
from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Invoked
from polyfn_gcp.samples import cloudevents, messages, requests, single
from polyfn_gcp.samples.facts import IDENTITY, request

Events = Sequence[Event[Any]]

_LABELS = "logging.googleapis.com/labels"
#: RFC 3339, as Google's services write it.
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def dialect() -> Dialect:
    """Return how Cloud Run says it."""
    return Dialect(forms=forms, settled=settled, logged=logged)


def forms(entry: FunctionEntry, events: Events) -> Sequence[Form]:
    """Return every form of these events that the function's trigger takes."""
    make = _MAKERS.get(str(entry.trigger["kind"]))
    return [] if make is None else make(entry, events)


def _call(entry: FunctionEntry, events: Events) -> list[Form]:
    return [
        Form("call", tuple(native for event in events for _, native in requests.call(entry, event.payload)))
    ]


def _pushed(name: str, make: Callable[[Event[Any]], dict[str, Any]], events: Events, *untold: str) -> Form:
    """One request for each message; where messages have keys, the subscription keeps their order."""
    ordered = any(isinstance(event, Message) and event.key is not None for event in events)
    return Form(name, tuple(make(event) for event in events), frozenset(untold), ordered=ordered)


def _queue(entry: FunctionEntry, events: Events) -> list[Form]:
    name = str(entry.trigger["name"])
    pushed = _pushed("pubsub-push", lambda event: _push(entry, name, event), events, "delay")
    if pushed.ordered:
        return [pushed]
    # What a task has besides its body are headers: there are no attributes that could be told apart.
    return [_pushed("cloud-tasks", lambda event: _task(entry, name, event), events), pushed]


def _task(entry: FunctionEntry, name: str, event: Event[Any]) -> dict[str, Any]:
    task = messages.task(entry.name, name, event.text)
    told = {"x-cloudtasks-taskname": event.id, "x-cloudtasks-taskretrycount": str((event.attempt or 1) - 1)}
    if event.time is not None:
        told["x-cloudtasks-tasketa"] = f"{event.time.timestamp():.3f}"
    headers = [[key, told.get(key, value)] for key, value in task["headers"]]
    return {**task, "headers": [*headers, *([key, value] for key, value in event.attributes.items())]}


def _topic(entry: FunctionEntry, events: Events) -> list[Form]:
    name = str(entry.trigger["name"])
    # A push names its subscription and not its topic.
    return [
        _pushed("pubsub-push", lambda event: _push(entry, f"{name}-sub", event), events, "delay", "origin"),
        _pushed("eventarc", lambda event: _eventarc(entry, name, event), events, "delay"),
    ]


def _push(entry: FunctionEntry, subscription: str, event: Event[Any]) -> dict[str, Any]:
    pushed = messages.push(entry.name, subscription, "")
    envelope = json.loads(pushed["body"])
    return {**pushed, "body": json.dumps(_published(envelope, event))}


def _published(envelope: dict[str, Any], event: Event[Any]) -> dict[str, Any]:
    """An envelope around a message. The attempt is there where a dead-letter topic is configured."""
    told: dict[str, Any] = {
        "data": base64.b64encode(event.raw).decode(),
        "attributes": dict(event.attributes),
    }
    told |= {"messageId": event.id, "message_id": event.id}
    if event.time is not None:
        told |= {"publishTime": event.time.strftime(_TIME), "publish_time": event.time.strftime(_TIME)}
    if isinstance(event, Message) and event.key is not None:
        told["orderingKey"] = event.key
    return {**envelope, "message": told, "deliveryAttempt": event.attempt}


def _eventarc(entry: FunctionEntry, name: str, event: Event[Any]) -> dict[str, Any]:
    published = messages.published(name, None)
    told = {**published, "id": event.id, "data": _published(published["data"], event)}
    headers, body = cloudevents.binary(told)
    return request("POST", f"/{entry.name}", [IDENTITY, *headers], body)


def _schedule(entry: FunctionEntry, events: Events) -> list[Form]:
    native = dict(single.schedule(entry, None))["cloud-scheduler"]
    time = events[0].time
    told = {"x-cloudscheduler-scheduletime": time.strftime(_TIME)} if time else {}
    headers = [[key, told.get(key, value)] for key, value in native["headers"]]
    return [Form("cloud-scheduler", ({**native, "headers": headers},))]


def _storage(entry: FunctionEntry, events: Events) -> list[Form]:
    [change] = events
    assert isinstance(change, ObjectChange)
    asked = entry.model_copy(update={"trigger": {"bucket": change.bucket, "on": change.change}})
    given = {"key": change.key} | ({} if change.size is None else {"size": change.size})
    made = dict(single.storage(asked, given))
    # Google tells the size of an object that is gone as well.
    own = frozenset({"size"} if change.size is None else ())
    return [Form(name, (made[name],), own=own) for name in ("eventarc", "pubsub-notification")]


def _events(entry: FunctionEntry, events: Events) -> list[Form]:
    [event] = events
    told = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time.strftime(_TIME) if event.time else None,
        "datacontenttype": "application/json; charset=utf-8",
        "data": event.payload,
    }
    modes = {"binary": cloudevents.binary(told), "structured": cloudevents.structured(told)}
    return [
        Form(name, (request("POST", f"/{entry.name}", [IDENTITY, *headers], body),))
        for name, (headers, body) in modes.items()
    ]


_MAKERS: dict[str, Callable[[FunctionEntry, Events], list[Form]]] = {
    "call": _call,
    "queue": _queue,
    "topic": _topic,
    "schedule": _schedule,
    "storage": _storage,
    "events": _events,
}


def settled(native: Any, invoked: Invoked) -> Sequence[Settled]:  # noqa: ARG001
    """Read an answer as its sender does: the emulator knows who that is."""
    again = invoked.error is not None
    return [Settled(again, invoked.report["deliveries"][-1]["retry_after"] if again else None)]


def logged(line: str) -> Logged | None:
    """Read a line as Cloud Logging does; None for the requests and the words of Cloud Run itself."""
    try:
        told = json.loads(line)
    except ValueError:
        return None if _of_the_platform(line) else Logged(line)
    if not isinstance(told, dict) or "severity" not in told:
        return Logged(line)
    labels = told.get(_LABELS) or {}
    message, error = str(told.get("message") or ""), None
    if "stack_trace" in told:
        # The last line of a stack is the exception, as Error Reporting reads it.
        ended = told["stack_trace"].rpartition("\n")[2]
        error = ended.partition(":")[0].rpartition(".")[2]
        message = message.partition(f": {error}")[0].partition("\n")[0]
    return Logged(message, told["severity"], labels.get("function"), labels.get("request_id"), error)


def _of_the_platform(line: str) -> bool:
    return not line.startswith("golden")
