"""Messages as Storage queues, Service Bus and Event Grid would deliver them."""

from __future__ import annotations

from typing import Any

from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.samples import grid
from polyfn_azure.samples.encoding import envelope, many, nested, to_bytes
from polyfn_azure.samples.facts import ID, NAMESPACE, SECOND, Made, text


def queue(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one message of a Storage queue, as bytes and as text, and of Service Bus."""
    payload = text(data)
    return [
        ("storage-queue", envelope(entry.name, {"message": nested(to_bytes(payload))}, _stored())),
        ("storage-queue-text", envelope(entry.name, {"message": nested(payload)}, _stored(), payload)),
        *_bus(entry, payload),
    ]


def topic(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one message of a topic, of Service Bus and of Event Grid."""
    return [*_bus(entry, text(data)), *grid.samples(entry, "message", grid.custom(data))]


def _stored() -> dict[str, Any]:
    """Metadata of a message in a Storage queue."""
    return {
        "QueueTrigger": nested("left out by the host"),
        "DequeueCount": nested(1),
        "ExpirationTime": "2026-01-22T06:00:00+00:00",
        "Id": nested(ID),
        "InsertionTime": SECOND,
        "NextVisibleTime": "2026-01-15T06:10:00+00:00",
        "PopReceipt": nested("AgAAAAMAAAAAAAAAVqQNb/ai2gE="),
    }


def _bus(entry: FunctionEntry, payload: str) -> Made:
    body = to_bytes(payload)
    shared = {
        "MessageReceiver": {}, "MessageSession": {}, "MessageActions": {}, "SessionActions": {},
        "ReceiveActions": {},
        "Client": {"FullyQualifiedNamespace": NAMESPACE, "IsClosed": False, "TransportType": 0},
    }  # fmt: skip
    facts = _told()
    one = {
        name: value if isinstance(value, dict) or name in _TIMES else nested(value)
        for name, value in facts.items()
    }
    several = {f"{name}Array": nested([value]) for name, value in facts.items()}
    return [
        ("service-bus", envelope(entry.name, {"message": nested(body)}, shared | one)),
        ("service-bus-text", envelope(entry.name, {"message": nested(payload)}, shared | one, payload)),
        ("service-bus-batch", envelope(entry.name, {"message": many([body])}, shared | several)),
    ]


_TIMES = ("ExpiresAt", "EnqueuedTime", "ExpiresAtUtc", "EnqueuedTimeUtc")


def _told() -> dict[str, Any]:
    """What Service Bus says of a message; what was not set the host leaves out."""
    utc = SECOND.removesuffix("+00:00")
    expiry = "2026-01-29T06:00:00"
    return {
        "DeliveryCount": 1,
        "LockToken": "4e773554-f6b7-4ea2-b07d-4c5fd5aba741",
        "ExpiresAtUtc": expiry,
        "ExpiresAt": f"{expiry}+00:00",
        "EnqueuedTimeUtc": utc,
        "EnqueuedTime": SECOND,
        "MessageId": ID,
        "ContentType": "application/json",
        "SequenceNumber": 42,
        "ApplicationProperties": {"tenant": "sample"},
        "UserProperties": {"tenant": "sample"},
    }
