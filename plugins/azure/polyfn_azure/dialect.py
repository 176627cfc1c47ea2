"""Azure's words for what is neutral: what the Functions host would post, answers and log lines read back.

The shapes are those of the host and its extensions, as in `samples`, with the facts of the event that is
given. What becomes of a failure is the trigger's own rule: whether it comes again once, five times or
(timers and event hubs without `retry` in function.json) never is the host's, and not for an answer to say.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from polyfn.events import Event, Message, ObjectChange
from polyfn.toolchain.dialect import Dialect, Form, Front, Logged, Settled
from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Invoked
from polyfn_azure.samples import grid, messages, requests, single, streams
from polyfn_azure.samples.encoding import many, nested

Events = Sequence[Event[Any]]
Native = dict[str, Any]

#: A time as the host writes a DateTimeOffset, and as it is inside of JSON.
_TIME, _UTC = "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%dT%H:%M:%SZ"
#: What the host and the emulator themselves say, and what the host says of an answer that is no success.
_HOST = re.compile(
    r"(\[\w+\] )?(Execut(ing|ed) 'Functions\.|polyfn: |Response status code does not indicate success: )"
)


#: Routes are the host's: what takes none of them it answers itself, before any function is asked.
_ROUTED = {
    "http-options": "the host answers 404 itself: a route has the methods that are declared",
    "http-method-not-allowed": "the host answers 404 itself: a route has the methods that are declared",
    "http-not-found": "the host answers 404 itself, without a body",
}
#: A request that is forwarded is made anew.
_REBUILT = {"http-query": "the host joins the values of a name that is twice in the query"}


def dialect() -> Dialect:
    """Return how Azure Functions says it."""
    return Dialect(
        forms=forms,
        settled=settled,
        logged=logged,
        fronts=(
            Front("proxied", lacks=_ROUTED),
            Front("forwarded", {"proxying": "off"}, _ROUTED | _REBUILT),
        ),
    )


def forms(entry: FunctionEntry, events: Events) -> Sequence[Form]:
    """Return every form of these events that the function's trigger may be bound to."""
    make = _MAKERS.get(str(entry.trigger["kind"]))
    return [] if make is None else make(entry, events)


def _call(entry: FunctionEntry, events: Events) -> list[Form]:
    return [
        Form("call", tuple(native for event in events for _, native in requests.call(entry, event.payload)))
    ]


def _queue(entry: FunctionEntry, events: Events) -> list[Form]:
    bus = _service_bus(entry, events)
    if _keyed(events):
        # A Storage queue keeps no order, and its messages have no place for what they belong to.
        return bus
    stored = tuple(_stored(entry, event) for event in events)
    return [Form("storage-queue", stored, frozenset({"key", "color", "delay"})), *bus]


def _topic(entry: FunctionEntry, events: Events) -> list[Form]:
    bus = _service_bus(entry, events)
    return bus if _keyed(events) else [*bus, *_grid_messages(entry, events)]


def _keyed(events: Events) -> bool:
    return any(_key(event) is not None for event in events)


def _key(event: Event[Any]) -> Any:
    return event.key if isinstance(event, Message) else None


def _stored(entry: FunctionEntry, event: Event[Any]) -> Native:
    native = _sample(messages.queue(entry, None), "storage-queue")
    told = {"Id": nested(event.id), "DequeueCount": nested(event.attempt or 1)}
    return _with(native, nested(event.raw), told | _times(event.time, InsertionTime=_TIME))


def _sample(made: Sequence[tuple[str, Any]], name: str) -> Native:
    native: Native = dict(made)[name]
    return native


def _with(native: Native, value: Any, told: Mapping[str, Any]) -> Native:
    """The same envelope with another value and other facts."""
    [name] = native["Data"]
    return {**native, "Data": {name: value}, "Metadata": {**native["Metadata"], **told}}


def _times(time: datetime | None, **written: str) -> dict[str, str]:
    return {name: time.strftime(format_) for name, format_ in written.items()} if time else {}


def _service_bus(entry: FunctionEntry, events: Events) -> list[Form]:
    """One message at a time, or with `batch` many; sessions keep the order of what has a key."""
    untold, ordered = frozenset({"delay"}), _keyed(events)
    one = tuple(_bus_message(entry, event) for event in events)
    return [
        Form("service-bus", one, untold, ordered=ordered),
        Form("service-bus-batch", (_bus_batch(entry, events),), untold, ordered=ordered),
    ]


def _bus_facts(event: Event[Any]) -> dict[str, Any]:
    """What Service Bus says of a message, in the order of its extension's facts."""
    color = dict(event.attributes)
    told = {
        "MessageId": event.id,
        "DeliveryCount": event.attempt or 1,
        "ApplicationProperties": color,
        "UserProperties": color,
    }
    key = _key(event)
    told |= {} if key is None else {"SessionId": key, "PartitionKey": key}
    return told | _times(event.time, EnqueuedTime=_TIME, EnqueuedTimeUtc=_TIME.removesuffix("+00:00"))


def _bus_message(entry: FunctionEntry, event: Event[Any]) -> Native:
    native = _sample(messages.topic(entry, None), "service-bus")
    bare = ("EnqueuedTime", "EnqueuedTimeUtc")
    told = {name: fact if name in bare else nested(fact) for name, fact in _bus_facts(event).items()}
    return _with(native, nested(event.raw), told)


def _bus_batch(entry: FunctionEntry, events: Events) -> Native:
    native = _sample(messages.topic(entry, None), "service-bus-batch")
    told = [_bus_facts(event) for event in events]
    return _with(native, many([event.raw for event in events]), _columns(native, told))


def _columns(native: Native, told: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Facts of many messages, an array for each: the sample's own one where nothing else is told."""
    sample = {
        name.removesuffix("Array"): json.loads(value)[0]
        for name, value in native["Metadata"].items()
        if name.endswith("Array")
    }
    names = {**sample, **{name: None for one in told for name in one}}
    return {f"{name}Array": nested([one.get(name, names[name]) for one in told]) for name in names}


def _grid_messages(entry: FunctionEntry, events: Events) -> list[Form]:
    """Events of Event Grid as messages: it writes their JSON anew, and passes no count of attempts on."""
    untold, own = frozenset({"attempt", "key", "delay"}), frozenset({"size"})
    cloud = tuple(_cloud_message(entry, event) for event in events)
    found = [Form("cloud-event", cloud, untold, own)]
    if all(_is_json(event) for event in events):
        plain = tuple(_grid_message(entry, event, "event-grid", event.payload) for event in events)
        # Its own schema has no place for attributes, nor for what is no JSON.
        found.insert(0, Form("event-grid", plain, untold | {"color"}, own))
    return found


def _is_json(event: Event[Any]) -> bool:
    try:
        json.loads(event.raw)
    except ValueError:
        return False
    return True


def _grid_message(entry: FunctionEntry, event: Event[Any], form: str, data: Any) -> Native:
    told = grid.custom(data) | {"id": event.id, **_times(event.time, eventTime=_UTC)}
    return _sample(grid.samples(entry, "message", told), form)


def _cloud_message(entry: FunctionEntry, event: Event[Any]) -> Native:
    """A CloudEvent: attributes are its extensions, and data may be text or bytes."""
    if _is_json(event):
        native = _grid_message(entry, event, "cloud-event", event.payload)
        return _extended(native, dict(event.attributes))
    native = _grid_message(entry, event, "cloud-event", None)
    del native["Data"]["message"]["data"]
    try:
        data = {"datacontenttype": "text/plain", "data": event.raw.decode()}
    except UnicodeDecodeError:
        data = {"data_base64": base64.b64encode(event.raw).decode()}
    return _extended(native, {**event.attributes, **data})


def _extended(native: Native, attributes: Mapping[str, Any]) -> Native:
    [event] = native["Data"].values()
    return _with(native, event | attributes, {})


def _stream(entry: FunctionEntry, events: Events) -> list[Form]:
    """Events of an event hub. A name with a slash is a container of Cosmos DB, where they are documents."""
    if "/" in str(entry.trigger["name"]):
        return _documents(entry, events)
    native = _sample(streams.stream(entry, None), "event-hub")
    told = [_hub_facts(event, number) for number, event in enumerate(events)]
    # Its id is made of its partition and its place there; a count there is with `retry` alone.
    untold, own = frozenset({"attempt", "delay"}), frozenset({"id"})
    made = _with(native, many([event.raw for event in events]), _columns(native, told))
    return [Form("event-hub", (made,), untold, own, ordered=True)]


def _hub_facts(event: Event[Any], number: int) -> dict[str, Any]:
    place = {"Offset": str(4096 + 64 * number), "SequenceNumber": 42 + number, "PartitionKey": _key(event)}
    place |= {"OffsetString": place["Offset"], **_times(event.time, EnqueuedTimeUtc=_UTC)}
    return {**place, "SystemProperties": place, "Properties": dict(event.attributes)}


def _documents(entry: FunctionEntry, events: Events) -> list[Form]:
    """Documents of a change feed, if they are objects; Cosmos DB writes its own fields into them."""
    payloads = [event.payload if _is_json(event) else None for event in events]
    if not all(isinstance(payload, dict) for payload in payloads):
        return []
    made = [_document(entry, event) for event in events]
    native = _sample(streams.stream(entry, None), "cosmos-db")
    value = nested(json.dumps(made, ensure_ascii=False))
    untold = frozenset({"attempt", "key", "color", "delay"})
    return [Form("cosmos-db", (_with(native, value, {}),), untold, frozenset({"size"}), ordered=True)]


def _document(entry: FunctionEntry, event: Event[Any]) -> dict[str, Any]:
    native = _sample(streams.stream(entry, event.payload), "cosmos-db")
    document: dict[str, Any] = json.loads(json.loads(native["Data"]["messages"]))[0]
    told = {} if event.time is None else {"_ts": int(event.time.timestamp())}
    return {**document, "id": event.id, **told}


def _schedule(entry: FunctionEntry, events: Events) -> list[Form]:
    """A timer. When it was due is what its status, written after the run before, has for the next one."""
    native = _sample(single.schedule(entry, None), "timer")
    timer = native["Data"]["timer"]
    status = timer["ScheduleStatus"] | _times(events[0].time, Next=_UTC)
    system = native["Metadata"]["sys"] | _times(events[0].time, UtcNow=_UTC)
    return [Form("timer", (_with(native, timer | {"ScheduleStatus": status}, {"sys": system}),))]


def _storage(entry: FunctionEntry, events: Events) -> list[Form]:
    """A blob trigger for what is created; all else is told by Event Grid."""
    [change] = events
    assert isinstance(change, ObjectChange)
    asked = entry.model_copy(update={"trigger": {"bucket": change.bucket, "on": change.change}})
    made = dict(single.storage(asked, {"key": change.key, "size": change.size}))
    created = entry.trigger.get("on", "created") == "created"
    return [Form(name, (made[name],)) for name in (("blob",) if created else ("event-grid", "cloud-event"))]


def _events(entry: FunctionEntry, events: Events) -> list[Form]:
    [event] = events
    told = grid.custom(event.payload, type=event.type, source=event.source)
    told |= {"id": event.id, **_times(event.time, eventTime=_UTC)}
    found = [Form("cloud-event", (_sample(grid.samples(entry, "event", told), "cloud-event"),))]
    if entry.trigger.get("source") is None:
        # In its own schema the source is the topic that Event Grid fills in: nobody else can be one.
        own = told | {"topic": grid.CUSTOM}
        made = _sample(grid.samples(entry, "event", own), "event-grid")
        found.insert(0, Form("event-grid", (made,), own=frozenset({"source"})))
    return found


_MAKERS: dict[str, Callable[[FunctionEntry, Events], list[Form]]] = {
    "call": _call,
    "queue": _queue,
    "topic": _topic,
    "stream": _stream,
    "schedule": _schedule,
    "storage": _storage,
    "events": _events,
}


def settled(native: Any, invoked: Invoked) -> Sequence[Settled]:
    """Read an answer as the host does: what was delivered together succeeds or fails together."""
    return [Settled(again=invoked.error is not None)] * _count(native)


def _count(native: Native) -> int:
    if "SequenceNumberArray" not in native.get("Metadata", {}):
        return 1
    [value] = native["Data"].values()
    return len(json.loads(value))


def logged(line: str) -> Logged | None:
    """Read a line that the handler wrote to standard output; None for what the host itself says."""
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "level" not in told:
        return None if _HOST.match(line) else Logged(line)
    error = told.get("error") if "stack_trace" in told else None
    message = str(told.get("message") or "")
    if error is not None:
        message = message.partition(f": {error}")[0]
    return Logged(message, told["level"], told.get("function"), told.get("invocation_id"), error)
