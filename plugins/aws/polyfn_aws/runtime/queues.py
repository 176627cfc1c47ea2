"""Records of queues into messages: SQS, and the brokers of Amazon MQ."""

from polyfn.events import Message
from polyfn_aws.runtime.attributes import typed
from polyfn_aws.runtime.messages import Delivery, records_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TAKES = "batches of SQS and Amazon MQ messages"


def sqs(event: "Any") -> Delivery:
    """Decode a batch of SQS messages; a FIFO queue is known by the `.fifo` that its name must have."""
    records = records_of(event)
    fifo = str(records[0].get("eventSourceARN", "")).endswith(".fifo")
    return Delivery([[_sqs(record) for record in records]], identify=_message_id, ordered=fifo)


def _message_id(message: "Message[Any]") -> str | None:
    return message.id


def _sqs(record: "dict[str, Any]") -> "Message[Any]":
    system = record.get("attributes") or {}
    arn = record.get("eventSourceARN")
    sent = system.get("SentTimestamp")
    received = system.get("ApproximateReceiveCount")
    attributes = dict(system)
    for name, attribute in (record.get("messageAttributes") or {}).items():
        attributes[name] = typed(attribute, "dataType", "stringValue", "binaryValue")
    return Message(
        raw=(record.get("body") or "").encode("utf-8", "surrogatepass"),
        id=record.get("messageId"),
        source=arn,
        time=None if sent is None else int(sent) / 1000,
        attributes=attributes,
        attempt=None if received is None else int(received),
        key=system.get("MessageGroupId"),
        sequence=system.get("SequenceNumber"),
        origin=arn.rpartition(":")[2] if arn else None,
        native=record,
    )


def active_mq(event: "Any") -> Delivery:
    """Decode a batch of an ActiveMQ broker. Its brokers take no report of single failures."""
    return Delivery([[_active_mq(message, event) for message in event.get("messages") or []]])


def _active_mq(message: "dict[str, Any]", event: "Any") -> "Message[Any]":
    sent = message.get("timestamp")
    return Message(
        raw=_base64(message.get("data")),
        id=message.get("messageID"),
        source=event.get("eventSourceArn"),
        type=message.get("type") or None,
        time=None if sent is None else sent / 1000,
        attributes=dict(message.get("properties") or {}),
        attempt=1 if message.get("redelivered") is False else None,
        origin=(message.get("destination") or {}).get("physicalName"),
        native=message,
    )


def rabbit_mq(event: "Any") -> Delivery:
    """Decode a batch of a RabbitMQ broker: queues by `name::virtual host`."""
    queues = event.get("rmqMessagesByQueue") or {}
    return Delivery(
        [[_rabbit_mq(message, queue, event) for queue, found in queues.items() for message in found]]
    )


def _rabbit_mq(message: "dict[str, Any]", queue: str, event: "Any") -> "Message[Any]":
    facts = message.get("basicProperties") or {}
    headers = {
        name: bytes(byte & 0xFF for byte in value["bytes"])
        if isinstance(value, dict) and isinstance(value.get("bytes"), list)
        else value
        for name, value in (facts.get("headers") or {}).items()
    }
    return Message(
        raw=_base64(message.get("data")),
        id=facts.get("messageId"),
        source=event.get("eventSourceArn"),
        type=facts.get("type"),
        content_type=facts.get("contentType"),
        attributes=headers,
        attempt=1 if message.get("redelivered") is False else None,
        origin=queue.partition("::")[0],
        native=message,
    )


def _base64(text: str | None) -> bytes:
    from binascii import a2b_base64

    return a2b_base64(text or "")


SOURCES = {"aws:sqs": sqs, "aws:mq": active_mq, "aws:amq": active_mq, "aws:rmq": rabbit_mq}
