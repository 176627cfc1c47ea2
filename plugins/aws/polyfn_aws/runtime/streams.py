"""Records of streams into messages: Kinesis, DynamoDB, Kafka. Every one keeps its shard's order."""

from polyfn.events import Message
from polyfn_aws.runtime.messages import Delivery, records_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TAKES = "batches of Kinesis, DynamoDB stream and Kafka records"


def kinesis(event: "Any") -> Delivery:
    """Decode a batch of one Kinesis shard."""
    return _shard([_kinesis(record) for record in records_of(event)])


def dynamodb(event: "Any") -> Delivery:
    """Decode a batch of one shard of a DynamoDB stream.

    The payload is the change as DynamoDB writes it, attribute values with their types: `Keys`,
    `NewImage`, `OldImage`. `type` is INSERT, MODIFY or REMOVE.
    """
    return _shard([_dynamodb(record) for record in records_of(event)])


def _shard(messages: "list[Message[Any]]") -> Delivery:
    return Delivery([messages], identify=_sequence, ordered=True, first_only=True)


def _sequence(message: "Message[Any]") -> "Any":
    return message.sequence


def _kinesis(record: "dict[str, Any]") -> "Message[Any]":
    facts = record.get("kinesis") or record  # EventBridge Pipes leaves out the inner object
    arn = record.get("eventSourceARN")
    attributes = {
        name: value
        for name, value in facts.items()
        if name in ("kinesisSchemaVersion", "encryptionType") and value is not None
    }
    return Message(
        raw=_base64(facts.get("data")) or b"",
        id=record.get("eventID"),
        source=arn,
        type=record.get("eventName"),
        time=facts.get("approximateArrivalTimestamp"),
        attributes=attributes,
        key=facts.get("partitionKey"),
        sequence=facts.get("sequenceNumber"),
        origin=_part(arn, 1),
        native=record,
    )


def _dynamodb(record: "dict[str, Any]") -> "Message[Any]":
    change = record.get("dynamodb") or {}
    arn = record.get("eventSourceARN")
    identity = record.get("userIdentity")
    return Message(
        payload=change,
        id=record.get("eventID"),
        source=arn,
        type=record.get("eventName"),
        time=change.get("ApproximateCreationDateTime"),
        # Deletions by time to live say so here, and only here.
        attributes={} if identity is None else {"userIdentity": identity},
        sequence=change.get("SequenceNumber"),
        origin=_part(arn, 1),
        native=record,
    )


def _part(arn: str | None, index: int) -> str | None:
    """A part of an ARN's resource, such as NAME of `table/NAME/stream/2024-01-01T00:00:00.000`."""
    parts = (arn or "").split(":", 5)[-1].split("/")
    return parts[index] if len(parts) > index else None


def kafka(event: "Any") -> Delivery:
    """Decode a batch of Kafka, managed (MSK) or not: one group per partition."""
    source = event.get("eventSourceArn")
    return Delivery(
        [
            [_kafka(record, source) for record in records]
            for records in (event.get("records") or {}).values()
            if records
        ],
        identify=_offset,
        ordered=True,
        first_only=True,
    )


def _offset(message: "Message[Any]") -> "dict[str, Any] | None":
    record = message.native
    if not record.get("topic") or record.get("partition") is None or record.get("offset") is None:
        return None
    return {"partition": f"{record['topic']}-{record['partition']}", "offset": record["offset"]}


def _kafka(record: "dict[str, Any]", source: str | None) -> "Message[Any]":
    topic, partition, offset = record.get("topic"), record.get("partition"), record.get("offset")
    stamp = record.get("timestamp")
    return Message(
        raw=_base64(record.get("value")) or b"",
        # A record is known by where it is: Kafka gives it no other name.
        id=f"{topic}-{partition}@{offset}",
        source=source,
        time=None if stamp is None else stamp / 1000,
        attributes=_kafka_headers(record.get("headers") or []),
        key=_base64(record.get("key")),
        sequence=offset,
        origin=topic,
        native=record,
    )


def _kafka_headers(headers: "list[dict[str, list[int]]]") -> "dict[str, Any]":
    """Header values as bytes, a list of them where a name repeats. Java sends its bytes signed."""
    attributes: dict[str, Any] = {}
    for header in headers:
        for name, numbers in header.items():
            value = bytes(number & 0xFF for number in numbers or ())
            if name not in attributes:
                attributes[name] = value
            elif isinstance(attributes[name], list):
                attributes[name].append(value)
            else:
                attributes[name] = [attributes[name], value]
    return attributes


def _base64(text: str | None) -> bytes | None:
    if text is None:
        return None
    from binascii import a2b_base64

    return a2b_base64(text)


SOURCES = {
    "aws:kinesis": kinesis,
    "aws:dynamodb": dynamodb,
    "aws:kafka": kafka,
    "aws:SelfManagedKafka": kafka,
    "SelfManagedKafka": kafka,
}
