"""Messages of Service Bus, one or many at once.

The names are those of ServiceBusTriggerBindingStrategy (Microsoft.Azure.WebJobs.Extensions.ServiceBus 5);
of many messages each is an array, with `Array` behind its name.
"""

from polyfn.events import Message
from polyfn_azure.runtime.metadata import whole
from polyfn_azure.runtime.values import OBJECT
from polyfn_azure.runtime.verify import mismatch, payload_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.metadata import Facts

TAKES = "messages of Service Bus"

#: Facts without an attribute of their own. Not TransactionPartitionKey: of many messages the extension fills
#: that array with PartitionKey. Label and UserProperties are old names of Subject and ApplicationProperties.
_ATTRIBUTES = (
    "CorrelationId", "DeadLetterSource", "ExpiresAt", "LockToken", "PartitionKey", "ReplyTo",
    "ReplyToSessionId", "SessionId", "To",
)  # fmt: skip
_NAMES = (
    *_ATTRIBUTES, "ApplicationProperties", "ContentType", "DeliveryCount", "EnqueuedTime", "EnqueuedTimeUtc",
    "ExpiresAtUtc", "Label", "MessageId", "SequenceNumber", "Subject", "UserProperties",
)  # fmt: skip


def messages(facts: "Facts", declaration: "Declaration") -> "list[Message[Any]]":
    """Make messages of what came. Raises TriggerMismatchError, EnvelopeError."""
    value = facts.value
    if value.kind == OBJECT:
        raise mismatch(facts, declaration, TAKES)
    if not facts.many("MessageId"):
        told = {name: facts.genuine.get(name) for name in _NAMES}
        return [_message(told, facts, declaration, payload_of(value, facts))]
    bodies = facts.bodies()
    columns = {name: facts.column(f"{name}Array", len(bodies)) for name in _NAMES}
    return [
        _message({name: columns[name][at] for name in _NAMES}, facts, declaration, {"raw": body})
        for at, body in enumerate(bodies)
    ]


def _message(
    told: "dict[str, Any]", facts: "Facts", declaration: "Declaration", payload: "dict[str, Any]"
) -> "Message[Any]":
    trigger: Any = declaration.trigger
    subject = told["Subject"] if told["Subject"] is not None else told["Label"]
    return Message(
        id=_text(told["MessageId"]),
        source=_text(facts.mapping("Client").get("FullyQualifiedNamespace")),
        subject=_text(subject),
        time=_text(told["EnqueuedTime"]) or _text(told["EnqueuedTimeUtc"]),
        content_type=_text(told["ContentType"]),
        attributes=_attributes(told),
        attempt=whole(told["DeliveryCount"]),
        key=_text(told["SessionId"]) or _text(told["PartitionKey"]),
        sequence=whole(told["SequenceNumber"]),
        origin=trigger.name,
        native=facts.native(),
        **payload,
    )


def _attributes(told: "dict[str, Any]") -> "dict[str, Any]":
    """The sender's own properties, and over them what Service Bus says."""
    properties = told["ApplicationProperties"]
    if not isinstance(properties, dict):
        properties = told["UserProperties"]
    system = {name: told[name] for name in _ATTRIBUTES if told[name] not in (None, "")}
    return {**properties, **system} if isinstance(properties, dict) else system


def _text(told: "Any") -> str | None:
    return told if isinstance(told, str) and told else None
