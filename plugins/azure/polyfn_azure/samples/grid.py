"""Events of Event Grid, in its own schema and as CloudEvents 1.0."""

from __future__ import annotations

from typing import Any

from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.samples.encoding import envelope
from polyfn_azure.samples.facts import ID, TOPIC, WHEN, Made, example

CUSTOM = f"{TOPIC}Microsoft.EventGrid/topics/sample"


def custom(data: Any | None, *, type: str | None = None, source: str | None = None) -> dict[str, Any]:  # noqa: A002
    """An event that an application published."""
    return {
        "id": ID,
        "topic": source or CUSTOM,
        "subject": "sample/1",
        "eventType": type or "com.example.created",
        "eventTime": WHEN,
        "dataVersion": "1",
        "metadataVersion": "1",
        "data": example(data),
    }


def samples(entry: FunctionEntry, binding: str, event: dict[str, Any]) -> Made:
    """Return an event in both schemas, as the host sends it."""
    return [
        ("event-grid", _sent(entry, binding, event)),
        ("cloud-event", _sent(entry, binding, _cloud(event))),
    ]


def _sent(entry: FunctionEntry, binding: str, event: dict[str, Any]) -> dict[str, Any]:
    data = event["data"]
    return envelope(entry.name, {binding: event}, {"data": data} if isinstance(data, dict) else {})


def _cloud(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": event["topic"],
        "type": event["eventType"],
        "subject": event["subject"],
        "time": event["eventTime"],
        "data": event["data"],
    }
