"""Records as Event Hubs and the change feed of Cosmos DB would deliver them."""

from __future__ import annotations

from typing import Any

from polyfn.runtime import json
from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.samples.encoding import envelope, many, nested, to_bytes
from polyfn_azure.samples.facts import EPOCH, ID, NAMESPACE, WHEN, Made, example, text


def stream(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one event of an event hub, and one changed document."""
    name = str(entry.trigger.get("name") or "stream")
    events = {"messages": many([to_bytes(text(data))])}
    documents = json.dumps([_document(example(data))]).decode()
    return [
        ("event-hub", envelope(entry.name, events, _told(name))),
        ("cosmos-db", envelope(entry.name, {"messages": nested(documents)}, {})),
    ]


def _told(hub: str) -> dict[str, Any]:
    partition = {
        "FullyQualifiedNamespace": NAMESPACE,
        "EventHubName": hub,
        "ConsumerGroup": "$Default",
        "PartitionId": "0",
    }
    facts: dict[str, Any] = {
        "PartitionKey": "sample",
        "Offset": "4096",
        "OffsetString": "4096",
        "SequenceNumber": 42,
        "EnqueuedTimeUtc": WHEN,
    }
    facts["SystemProperties"] = dict(facts)
    facts["Properties"] = {"tenant": "sample"}
    told = {f"{name}Array": nested([value]) for name, value in facts.items()}
    return {"TriggerPartitionContext": partition, "PartitionContext": partition, **told}


def _document(payload: Any) -> dict[str, Any]:
    """A document with what Cosmos DB writes into it; what is no object is its `value`."""
    given = payload if isinstance(payload, dict) else {"value": payload}
    return {
        "id": ID,
        **given,
        "_rid": "lV8dAK7u9cCUAAAAAAAAAA==",
        "_self": "dbs/lV8dAA==/colls/lV8dAK7u9cA=/docs/lV8dAK7u9cCUAAAAAAAAAA==/",
        "_etag": '"0f007efc-0000-0800-0000-67f5fb920000"',
        "_attachments": "attachments/",
        "_ts": EPOCH,
        "_lsn": 42,
    }
