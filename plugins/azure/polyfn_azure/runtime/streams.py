"""Records of streams: Event Hubs, and the change feed of Cosmos DB. Each keeps its partition's order.

The names of Event Hubs are those of EventHubTriggerBindingStrategy (Microsoft.Azure.WebJobs.Extensions.
EventHubs 6); of many events each is an array, with `Array` behind its name.
"""

from polyfn.events import Message
from polyfn_azure.runtime.metadata import whole
from polyfn_azure.runtime.values import OBJECT
from polyfn_azure.runtime.verify import HUB, arrival, form_of, kind_of, mismatch, payload_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.metadata import Facts

TAKES = "events of Event Hubs and the change feed of Cosmos DB"

_NAMES = ("EnqueuedTimeUtc", "Offset", "OffsetString", "PartitionKey", "Properties", "SequenceNumber",
          "SystemProperties")  # fmt: skip


def decode(
    invocation: "Invocation", declaration: "Declaration", settings: "dict[str, Any]"
) -> "list[Message[Any]]":
    """Make messages of what came, in its order.

    Raises TriggerMismatchError for what is none, EnvelopeError for what cannot be read.
    """
    facts = arrival(invocation, "messages")
    form = form_of(facts)
    if form == HUB:
        return _events(facts, declaration)
    if form is not None or facts.value.kind == OBJECT:
        raise mismatch(facts, declaration, TAKES)
    if kind_of(declaration, settings, "eventhub") == "cosmosdb":
        from polyfn_azure.runtime import cosmos

        return cosmos.documents(facts, declaration)
    return _events(facts, declaration)


def _events(facts: "Facts", declaration: "Declaration") -> "list[Message[Any]]":
    value = facts.value
    if facts.many("SequenceNumber"):
        bodies = facts.bodies()
        columns = {name: facts.column(f"{name}Array", len(bodies)) for name in _NAMES}
        return [
            _message({name: columns[name][at] for name in _NAMES}, facts, declaration, {"raw": body})
            for at, body in enumerate(bodies)
        ]
    told = {name: facts.genuine.get(name) for name in _NAMES}
    return [_message(told, facts, declaration, payload_of(value, facts))]


def _message(
    told: "dict[str, Any]", facts: "Facts", declaration: "Declaration", payload: "dict[str, Any]"
) -> "Message[Any]":
    trigger: Any = declaration.trigger
    partition = partition_of(facts)
    system = told["SystemProperties"] if isinstance(told["SystemProperties"], dict) else {}
    sequence = whole(told["SequenceNumber"])
    return Message(
        id=_place(trigger.name, partition, sequence),
        source=_text(partition.get("FullyQualifiedNamespace")),
        time=_text(told["EnqueuedTimeUtc"]),
        content_type=_text(system.get("content-type")),
        attributes=_attributes(told, system, partition),
        attempt=facts.retries(),
        key=_text(told["PartitionKey"]),
        sequence=sequence,
        origin=trigger.name,
        native=facts.native(),
        **payload,
    )


def partition_of(facts: "Facts") -> "dict[str, Any]":
    """What is told of the partition, under its new name or the old one."""
    return facts.mapping("TriggerPartitionContext") or facts.mapping("PartitionContext")


def _place(hub: str, partition: "dict[str, Any]", sequence: int | None) -> str | None:
    """An event is known by where it is: Event Hubs gives it no other name."""
    number = partition.get("PartitionId")
    return f"{hub}-{number}@{sequence}" if isinstance(number, str) and sequence is not None else None


def _attributes(
    told: "dict[str, Any]", system: "dict[str, Any]", partition: "dict[str, Any]"
) -> "dict[str, Any]":
    """The sender's own properties, over them what Event Hubs says."""
    properties = told["Properties"] if isinstance(told["Properties"], dict) else {}
    offset = told["OffsetString"] if told["OffsetString"] is not None else told["Offset"]
    group = partition.get("ConsumerGroup", partition.get("ConsumerGroupName"))
    own = {"Offset": offset, "PartitionId": partition.get("PartitionId"), "ConsumerGroup": group}
    return {**properties, **system, **{name: fact for name, fact in own.items() if fact is not None}}


def _text(told: "Any") -> str | None:
    return told if isinstance(told, str) and told else None
