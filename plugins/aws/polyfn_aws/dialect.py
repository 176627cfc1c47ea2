"""AWS's words for what is neutral: events as its services write them, answers and log lines read back.

The shapes are those of AWS's documentation, as in `samples`, with the facts of the event that is given.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from polyfn.events import Event, Message, ObjectChange
from polyfn.toolchain.dialect import Dialect, Form, Front, Logged, Settled
from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Invoked
from polyfn_aws.emulator.redrive import judge, source_of
from polyfn_aws.samples import messages, single

Events = Sequence[Event[Any]]

#: Exceptions that Lambda has words of its own for.
_ERRORS = {"Runtime.UnmarshalError": "PayloadError"}


def dialect() -> Dialect:
    """Return how Lambda says it."""
    return Dialect(
        forms=forms,
        settled=settled,
        logged=logged,
        environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"},
        fronts=(
            Front("http-api"),
            Front("rest", {"http": "v1"}),
            Front("alb", {"http": "alb-multi"}),
            Front("function-url", {"http": "function-url"}),
        ),
    )


def forms(entry: FunctionEntry, events: Events) -> Sequence[Form]:
    """Return every form of these events that the function's trigger takes."""
    make = _MAKERS.get(str(entry.trigger["kind"]))
    return [] if make is None else make(entry.trigger, events)


def _call(trigger: dict[str, Any], events: Events) -> list[Form]:  # noqa: ARG001
    return [Form("call", (events[0].payload,))]


def _queue(trigger: dict[str, Any], events: Events) -> list[Form]:
    fifo = any(_key(event) is not None for event in events)
    name = str(trigger["name"])
    records = [_sqs(name, event, str(number), fifo) for number, event in enumerate(events)]
    # The queue of a FIFO form has another name than the trigger says: `.fifo` is part of it.
    own = frozenset({"origin"} if fifo else ())
    name = "sqs-fifo" if fifo else "sqs"
    return [Form(name, ({"Records": records},), frozenset({"delay"}), own, ordered=fifo)]


def _key(event: Event[Any]) -> Any:
    return event.key if isinstance(event, Message) else None


def _sqs(name: str, event: Event[Any], number: str, fifo: bool) -> dict[str, Any]:
    samples = dict(messages.queue({"name": name}, event.text))
    [record] = samples["sqs-fifo" if fifo else "sqs"]["Records"]
    if event.time is not None:
        record["attributes"]["SentTimestamp"] = str(_milliseconds(event.time))
    record["attributes"]["ApproximateReceiveCount"] = str(event.attempt or 1)
    if fifo:
        record["attributes"] |= {"MessageGroupId": _key(event), "SequenceNumber": f"1{number:>019}"}
    told = {key: {"stringValue": value, "dataType": "String"} for key, value in event.attributes.items()}
    return {**record, "messageId": event.id, "messageAttributes": told}


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _topic(trigger: dict[str, Any], events: Events) -> list[Form]:
    return [
        Form("sns", tuple(_sns(trigger, event) for event in events), frozenset({"attempt", "key", "delay"}))
    ]


def _sns(trigger: dict[str, Any], event: Event[Any]) -> dict[str, Any]:
    [(_, sample)] = messages.topic(trigger, event.text)
    told = sample["Records"][0]["Sns"]
    told["MessageId"] = event.id
    told["MessageAttributes"] = {
        name: {"Type": "String", "Value": value} for name, value in event.attributes.items()
    }
    if event.time is not None:
        told["Timestamp"] = _iso(event.time)
    return dict(sample)


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"


def _stream(trigger: dict[str, Any], events: Events) -> list[Form]:
    records = [_kinesis(trigger, event, number) for number, event in enumerate(events)]
    # A record has no attributes, and its id is made of its shard and its place there.
    untold = frozenset({"attempt", "color", "delay"})
    return [Form("kinesis", ({"Records": records},), untold, frozenset({"id"}), ordered=True)]


def _kinesis(trigger: dict[str, Any], event: Event[Any], number: int) -> dict[str, Any]:
    record = dict(messages.stream(trigger, None))["kinesis"]["Records"][0]
    facts = record["kinesis"]
    sequence = f"{facts['sequenceNumber'][:-1]}{number}"
    facts |= {"sequenceNumber": sequence, "data": base64.b64encode(event.raw).decode()}
    facts |= {"partitionKey": _key(event) or "key-1"}
    if event.time is not None:
        facts["approximateArrivalTimestamp"] = event.time.timestamp()
    return {**record, "eventID": f"shardId-000000000006:{sequence}"}


def _schedule(trigger: dict[str, Any], events: Events) -> list[Form]:
    time = events[0].time
    return [
        Form(name, ({**event, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else None},))
        for name, event in single.schedule(trigger, None)
    ]


def _storage(trigger: dict[str, Any], events: Events) -> list[Form]:
    [change] = events
    assert isinstance(change, ObjectChange)
    asked = {"bucket": change.bucket, "on": change.change}
    given = {"key": change.key, "size": change.size}
    return [Form(name, (event,)) for name, event in single.storage(trigger | asked, given)]


def _events(trigger: dict[str, Any], events: Events) -> list[Form]:  # noqa: ARG001
    [event] = events
    [(name, native)] = single.events({"type": event.type, "source": event.source}, event.payload)
    time = event.time.strftime("%Y-%m-%dT%H:%M:%SZ") if event.time else None
    return [Form(name, ({**native, "id": event.id, "time": time},))]


_MAKERS: dict[str, Callable[[dict[str, Any], Events], list[Form]]] = {
    "call": _call,
    "queue": _queue,
    "topic": _topic,
    "stream": _stream,
    "schedule": _schedule,
    "storage": _storage,
    "events": _events,
}


def settled(native: Any, invoked: Invoked) -> Sequence[Settled]:
    """Read an answer as the event source mapping does; without one, a failure brings the event again."""
    source = source_of(native)
    if source is None:
        return [Settled(again=invoked.error is not None)]
    ids = [source.id(record) or "" for record in native["Records"]]
    if invoked.error is not None:
        return [Settled(again=True) for _ in ids]
    failed = judge(invoked.payload, ids, ordered=source.ordered).failed
    return [Settled(again=id_ in failed) for id_ in ids]


def logged(line: str) -> Logged | None:
    """Read a line of Lambda's JSON format; None for START, END and REPORT and the emulator's own."""
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "level" not in told:
        return None if _of_the_platform(line, told) else Logged(line)
    error = _ERRORS.get(str(told.get("errorType")), told.get("errorType"))
    # The JSON format has no message beside an error that failed the invocation.
    message = told.get("message") or ("the handler failed" if error else "")
    return Logged(str(message), told["level"], request_id=told.get("requestId"), error=error)


def _of_the_platform(line: str, told: Any) -> bool:
    """Lambda's own lines: in JSON they have a type, in text they begin with a word in capitals."""
    is_event = isinstance(told, dict) and str(told.get("type", "")).startswith("platform.")
    return is_event or line.startswith(("START ", "END ", "REPORT ", "INIT_", "EXTENSION\t", "polyfn: "))
