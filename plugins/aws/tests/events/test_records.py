"""Records of queues, topics and streams into messages: nothing dropped, nothing invented."""

import base64

import pytest

from polyfn import Message, Queue, Stream, Topic
from polyfn_aws.runtime.attributes import typed

B64 = base64.b64encode(b"\x00binary").decode()


@pytest.fixture
def take(deliver):
    """The messages that a trigger's handler sees."""

    def run(trigger, event):
        seen = []

        def handler(message: Message):
            seen.append(message)

        deliver(trigger, handler, event)
        return seen

    return run


SQS = {
    "messageId": "0f6c",
    "receiptHandle": "AQEB==",
    "body": '{"sku": "é"}',
    "attributes": {
        "ApproximateReceiveCount": "3",
        "SentTimestamp": "1700000000123",
        "SenderId": "AIDA",
        "ApproximateFirstReceiveTimestamp": "1700000000999",
        "MessageGroupId": "customer-7",
        "SequenceNumber": "18849496460467696128",
        "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
    },
    "messageAttributes": {
        "kind": {"stringValue": "new", "dataType": "String"},
        "count": {"stringValue": "12", "dataType": "Number"},
        "price": {"stringValue": "1.5", "dataType": "Number.float"},
        "blob": {"binaryValue": B64, "dataType": "Binary.png"},
    },
    "md5OfBody": "x",
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:eu-west-3:444455556666:orders.fifo",
    "awsRegion": "eu-west-3",
}


def test_sqs(take):
    (message,) = take(Queue("orders"), {"Records": [SQS]})
    assert (message.id, message.key, message.sequence) == ("0f6c", "customer-7", "18849496460467696128")
    assert (message.origin, message.source) == ("orders.fifo", SQS["eventSourceARN"])
    assert (message.attempt, message.time.isoformat()) == (3, "2023-11-14T22:13:20.123000+00:00")
    assert message.raw == '{"sku": "é"}'.encode()
    assert message.data == {"sku": "é"}
    attributes = message.attributes
    assert (attributes["kind"], attributes["count"], attributes["price"]) == ("new", 12, 1.5)
    assert attributes["blob"] == b"\x00binary"
    assert attributes["AWSTraceHeader"].startswith("Root=")
    assert (message.native, message.content_type, message.type) == (SQS, None, None)


def test_the_least_that_sqs_may_send(take):
    (message,) = take(Queue("orders"), {"Records": [{"eventSource": "aws:sqs", "body": None}]})
    assert message.raw == b""
    facts = (message.id, message.key, message.sequence, message.origin, message.attempt, message.time)
    assert facts == (None,) * 6


def test_the_bare_list_of_eventbridge_pipes(take):
    assert [message.id for message in take(Queue("orders"), [SQS, SQS | {"messageId": "2"}])] == ["0f6c", "2"]


def test_sns_in_sqs_stays_as_it_is(take):
    body = '{"Type": "Notification", "Message": "inner", "TopicArn": "arn:aws:sns:x:4:news"}'
    (message,) = take(Queue("orders"), {"Records": [SQS | {"body": body}]})
    assert message.text == body


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("String", "12", "12"),
        ("Number", "-7", -7),
        ("Number", "1e3", 1000.0),
        ("Number", "0.12345678901234567890", "0.12345678901234567890"),
        ("Number", "what", "what"),
        ("Number", "99999999999999999999999999999999999999", 99999999999999999999999999999999999999),
        ("String.Array", '["a", 1, null]', ["a", 1, None]),
        ("String.Array", "not json", "not json"),
        ("Binary", B64, b"\x00binary"),
        ("Binary", "not base64!", "not base64!"),
        ("String.custom", "x", "x"),
    ],
)
def test_attribute_types(kind, text, value):
    got = typed({"Type": kind, "Value": text}, "Type", "Value", "Value")
    assert got == value
    assert type(got) is type(value)


def test_sns(take):
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:eu-west-3:4:news:sub",
        "Sns": {
            "Type": "Notification",
            "MessageId": "n-1",
            "TopicArn": "arn:aws:sns:eu-west-3:444455556666:news",
            "Subject": "Hello",
            "Message": "plain text",
            "Timestamp": "2023-11-14T22:13:20.123Z",
            "MessageAttributes": {
                "lang": {"Type": "String", "Value": "fr"},
                "b": {"Type": "Binary", "Value": B64},
            },
        },
    }
    (message,) = take(Topic("news"), {"Records": [record]})
    assert (message.id, message.subject, message.text) == ("n-1", "Hello", "plain text")
    assert (message.origin, message.type) == ("news", "Notification")
    assert message.source == "arn:aws:sns:eu-west-3:444455556666:news"
    assert message.time.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert message.attributes == {"lang": "fr", "b": b"\x00binary"}
    assert (message.native, message.attempt) == (record, None)


def test_kinesis(take):
    record = {
        "eventSource": "aws:kinesis",
        "eventID": "shardId-000000000001:495",
        "eventName": "aws:kinesis:record",
        "eventSourceARN": "arn:aws:kinesis:eu-west-3:4:stream/clicks/consumer/fan:1",
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "user-1",
            "sequenceNumber": "495",
            "data": base64.b64encode(b'{"n":1}').decode(),
            "approximateArrivalTimestamp": 1700000000.5,
            "encryptionType": "KMS",
        },
    }
    (message,) = take(Stream("clicks"), {"Records": [record]})
    assert (message.id, message.key, message.sequence) == ("shardId-000000000001:495", "user-1", "495")
    assert (message.origin, message.data, message.raw) == ("clicks", {"n": 1}, b'{"n":1}')
    assert message.time.timestamp() == 1700000000.5
    assert message.attributes["encryptionType"] == "KMS"
    assert (message.native, message.attempt) == (record, None)


def test_dynamodb_keeps_the_types_of_its_values(take):
    change = {
        "ApproximateCreationDateTime": 1700000000,
        "Keys": {"id": {"S": "1"}},
        "OldImage": {"id": {"S": "1"}, "n": {"N": "12345678901234567890.5"}, "tags": {"SS": ["a", "b"]}},
        "SequenceNumber": "4421584500000000017450439091",
        "StreamViewType": "OLD_IMAGE",
    }
    record = {
        "eventSource": "aws:dynamodb",
        "eventID": "c4ca",
        "eventName": "REMOVE",
        "eventSourceARN": "arn:aws:dynamodb:eu-west-3:4:table/orders/stream/2026-01-01T00:00:00.000",
        "dynamodb": change,
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
    }
    (message,) = take(Stream("orders"), {"Records": [record]})
    assert (message.payload, message.type, message.origin) == (change, "REMOVE", "orders")
    assert (message.id, message.sequence) == ("c4ca", "4421584500000000017450439091")
    assert message.attributes == {"userIdentity": record["userIdentity"]}
    assert message.time.timestamp() == 1700000000


@pytest.mark.parametrize("source", ["aws:kafka", "aws:SelfManagedKafka"])
def test_kafka(take, source):
    record = {
        "topic": "trips",
        "partition": 3,
        "offset": 15,
        "timestamp": 1700000000123,
        "timestampType": "CREATE_TIME",
        "key": base64.b64encode(b"\xffkey").decode(),
        "value": base64.b64encode(b'{"a":1}').decode(),
        "headers": [{"h": [118, -36, 0, 127, -128]}, {"twice": [49]}, {"twice": [50]}, {"twice": [51]}],
    }
    tombstone = record | {"offset": 16, "key": None, "value": None, "headers": []}
    event = {
        "eventSource": source,
        "eventSourceArn": "arn:aws:kafka:x",
        "records": {"trips-3": [record, tombstone]},
    }
    message, deleted = take(Stream("trips"), event)
    assert (message.id, message.key, message.sequence) == ("trips-3@15", b"\xffkey", 15)
    assert (message.origin, message.data, message.attempt) == ("trips", {"a": 1}, None)
    assert message.attributes == {"h": bytes([118, 220, 0, 127, 128]), "twice": [b"1", b"2", b"3"]}
    assert message.time.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert (deleted.raw, deleted.key, deleted.payload) == (b"", None, None)


def test_active_mq(take):
    told = {
        "messageID": "ID:b-1",
        "timestamp": 1700000000123,
        "redelivered": False,
        "type": "order",
        "destination": {"physicalName": "orders"},
        "data": base64.b64encode(b"hi").decode(),
        "properties": {"p": "1"},
    }
    again = told | {"redelivered": True, "type": ""}
    event = {"eventSource": "aws:mq", "eventSourceArn": "arn:aws:mq:x", "messages": [told, again]}
    first, second = take(Queue("orders"), event)
    assert (first.id, first.origin, first.type, first.raw) == ("ID:b-1", "orders", "order", b"hi")
    assert (first.attempt, second.attempt, second.type) == (1, None, None)
    assert first.attributes == {"p": "1"}


def test_rabbit_mq(take):
    told = {
        "basicProperties": {
            "contentType": "text/plain",
            "messageId": "r1",
            "headers": {"h": {"bytes": [49, -1]}, "n": 10},
        },
        "redelivered": False,
        "data": base64.b64encode(b"hi").decode(),
    }
    event = {"eventSource": "aws:rmq", "rmqMessagesByQueue": {"orders::/": [told]}}
    (message,) = take(Queue("orders"), event)
    assert (message.id, message.origin, message.content_type) == ("r1", "orders", "text/plain")
    assert (message.attributes, message.raw) == ({"h": b"1\xff", "n": 10}, b"hi")


def test_a_brokers_failure_fails_the_invocation(deliver, log):
    def handler(message: Message):
        raise ValueError

    event = {"eventSource": "aws:amq", "messages": [{"data": "aGk="}]}
    with pytest.raises(ValueError):
        deliver(Queue("orders"), handler, event)

    def quiet(message: Message):
        pass

    assert deliver(Queue("orders"), quiet, event) == b"null"
