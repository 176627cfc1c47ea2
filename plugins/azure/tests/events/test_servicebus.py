"""Messages of Service Bus, one and many: every name that the extension gives them.

The names are those of ServiceBusTriggerBindingStrategy.cs in Azure/azure-sdk-for-net
(sdk/servicebus/Microsoft.Azure.WebJobs.Extensions.ServiceBus/src/Triggers), read there.
"""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Queue, Topic
from polyfn.errors import TriggerMismatchError
from polyfn_azure.runtime.envelope import EnvelopeError

SHARED = {
    "MessageReceiver": {}, "MessageSession": {}, "MessageActions": {}, "SessionActions": {},
    "ReceiveActions": {},
    "Client": {"FullyQualifiedNamespace": "shop.servicebus.windows.net", "IsClosed": False},
}  # fmt: skip
FACTS = {
    "DeliveryCount": 3,
    "DeadLetterSource": "old-orders",
    "LockToken": "4e773554-f6b7-4ea2-b07d-4c5fd5aba741",
    "ExpiresAtUtc": "2023-11-12T20:13:49",
    "ExpiresAt": "2023-11-12T20:13:49+00:00",
    "EnqueuedTimeUtc": "2023-10-12T20:13:49",
    "EnqueuedTime": "2023-10-12T20:13:49+00:00",
    "MessageId": "m-1",
    "ContentType": "application/json",
    "ReplyTo": "answers",
    "SequenceNumber": 9007199254740993,
    "To": "somebody",
    "Subject": "placed",
    "Label": "placed",
    "CorrelationId": "c-1",
    "ApplicationProperties": {"tenant": "a", "n": 5, "LockToken": "forged"},
    "UserProperties": {"tenant": "a", "n": 5, "LockToken": "forged"},
    "SessionId": "s-1",
    "ReplyToSessionId": "s-2",
    "PartitionKey": "s-1",
    "TransactionPartitionKey": "s-1",
}
DATES = ("ExpiresAtUtc", "ExpiresAt", "EnqueuedTimeUtc", "EnqueuedTime")
WHEN = datetime(2023, 10, 12, 20, 13, 49, tzinfo=UTC)


@pytest.fixture
def single(azure):
    """Metadata of one message: dates as they are, objects, all else as JSON in a string."""

    def run(**more):
        told = FACTS | more
        return SHARED | {
            name: value if isinstance(value, dict) or name in DATES else azure.nest(value)
            for name, value in told.items()
            if value is not None
        }

    return run


@pytest.fixture
def several(azure):
    """Metadata of many messages: every fact is an array in a string."""

    def run(*messages):
        return SHARED | {f"{name}Array": azure.nest([one[name] for one in messages]) for name in FACTS}

    return run


def b64(data):
    return base64.b64encode(data).decode()


def check(message, origin):
    assert (message.id, message.attempt, message.sequence, message.key) == ("m-1", 3, 9007199254740993, "s-1")
    assert (message.time, message.subject, message.content_type) == (WHEN, "placed", "application/json")
    assert (message.source, message.origin) == ("shop.servicebus.windows.net", origin)
    assert message.attributes == {
        "tenant": "a",
        "n": 5,
        "LockToken": "4e773554-f6b7-4ea2-b07d-4c5fd5aba741",
        "DeadLetterSource": "old-orders",
        "ExpiresAt": "2023-11-12T20:13:49+00:00",
        "CorrelationId": "c-1",
        "ReplyTo": "answers",
        "ReplyToSessionId": "s-2",
        "SessionId": "s-1",
        "PartitionKey": "s-1",
        "To": "somebody",
    }


@pytest.mark.parametrize("trigger", [Queue("orders"), Topic("orders")])
def test_one(azure, single, trigger):
    (message,) = azure.decode(trigger, {"message": b64(b"\0raw")}, single())
    check(message, "orders")
    assert message.raw == b"\0raw"


@pytest.mark.parametrize("trigger", [Queue("orders"), Topic("orders")])
def test_one_as_text(azure, single, trigger):
    (message,) = azure.decode(trigger, {"message": azure.nest("1234")}, single())
    check(message, "orders")
    assert message.raw == b"1234"


@pytest.mark.parametrize("trigger", [Queue("orders"), Topic("orders")])
def test_many(azure, several, trigger):
    second = FACTS | {"MessageId": "m-2", "DeliveryCount": 1, "SequenceNumber": 7, "SessionId": None}
    told = several(FACTS, second | {"ApplicationProperties": {}, "PartitionKey": "p"})
    first, other = azure.decode(trigger, {"message": azure.nest([b64(b"\xff"), b64(b"{}")])}, told)
    check(first, "orders")
    assert (first.raw, other.raw, other.payload) == (b"\xff", b"{}", {})
    assert (other.id, other.attempt, other.sequence, other.key) == ("m-2", 1, 7, "p")
    assert "tenant" not in other.attributes
    assert "SessionId" not in other.attributes


def test_old_names_of_the_extension(azure, single):
    """Of version 4 and before: Label and UserProperties."""
    told = single(Subject=None, ApplicationProperties=None, EnqueuedTime=None)
    (message,) = azure.decode(Topic("orders"), {"message": b64(b"")}, told)
    assert (message.subject, message.attributes["tenant"], message.time) == ("placed", "a", WHEN)


def test_one_that_looks_like_many(azure, single):
    (message,) = azure.decode(Queue("q"), {"message": azure.nest('["YQ==","Yg=="]')}, single())
    assert message.raw == b'["YQ==","Yg=="]'
    (message,) = azure.decode(Queue("q"), {"message": b64(b'["YQ=="]')}, single())
    assert message.raw == b'["YQ=="]'


def test_none_of_many(azure):
    assert azure.decode(Queue("q"), {"message": "[]"}, {"MessageIdArray": "[]", "LockTokenArray": "[]"}) == []


@pytest.mark.parametrize("column", ["[]", '["a"]', '["a","b","c"]', '"a"', "5", "null", "[", {}])
def test_a_column_that_does_not_fit_tells_nothing(azure, several, column):
    told = several(FACTS, FACTS) | {"MessageIdArray": column}
    messages = azure.decode(Queue("q"), {"message": azure.nest([b64(b"a"), b64(b"b")])}, told)
    assert [message.id for message in messages] == [None, None]
    assert [message.attempt for message in messages] == [3, 3]


@pytest.mark.parametrize("item", ["hello", 5, None, {"a": 1}, ["YQ=="]])
def test_text_of_many_is_refused(azure, several, item):
    """It could not be told from Base64; function.json asks for bytes."""
    with pytest.raises(EnvelopeError, match=r"message 1 of 2 is no Base64.*dataType binary"):
        azure.decode(Queue("q"), {"message": azure.nest([b64(b"a"), item])}, several(FACTS, FACTS))


@pytest.mark.parametrize(
    ("forged", "field"),
    [
        ({"messageid": "x"}, "id"),
        ({"DELIVERYCOUNT": 1}, "attempt"),
        ({"SequenceNumber": 1}, "sequence"),
        ({"enqueuedtime": "x", "EnqueuedTimeUtc": "x"}, "time"),
        ({"sessionId": "x", "partitionKey": "y"}, "key"),
        ({"Client": {"FullyQualifiedNamespace": "x"}}, "source"),
        ({"subject": "x", "label": "y"}, "subject"),
        ({"contenttype": "x"}, "content_type"),
    ],
)
def test_a_message_forges_nothing(azure, single, forged, field):
    told = single()
    spelt = {name.lower(): name for name in told}
    for name, value in forged.items():
        told[spelt[name.lower()]] = value if isinstance(value, dict) else azure.nest(str(value))
    (message,) = azure.decode(Topic("t"), {"message": azure.nest(json.dumps(forged))}, told)
    assert getattr(message, field) is None
    intact = {"id": "m-1", "attempt": 3, "sequence": 9007199254740993, "subject": "placed"}
    for name, value in intact.items():
        assert name == field or getattr(message, name) == value


def test_nothing_tells_and_the_settings_say(azure):
    (message,) = azure.decode(Queue("q"), {"message": '"x"'}, queue="servicebus")
    assert (message.raw, message.attributes) == (b"x", {})
    own = {"f": {"queue": "servicebus"}}
    (message,) = azure.decode(Queue("q"), {"message": '"x"'}, functions=own)
    assert message.raw == b"x"


def test_a_storage_queue_is_no_topic(azure):
    with pytest.raises(TriggerMismatchError, match=r"a message of a Storage queue arrived.*Topic"):
        azure.decode(Topic("t"), {"message": '"x"'}, azure.stored())


@given(
    st.lists(st.tuples(st.binary(), st.text(min_size=1), st.integers(1), st.integers(0)), min_size=1),
    st.dictionaries(st.text(), st.text()),
)
def test_nothing_of_many_is_lost(azure, told, properties):
    metadata = {
        "MessageIdArray": azure.nest([name for _, name, _, _ in told]),
        "DeliveryCountArray": azure.nest([count for _, _, count, _ in told]),
        "SequenceNumberArray": azure.nest([number for _, _, _, number in told]),
        "ApplicationPropertiesArray": azure.nest([properties for _ in told]),
    }
    bodies = azure.nest([b64(body) for body, _, _, _ in told])
    messages = azure.decode(Queue("q"), {"message": bodies}, metadata)
    got = [(message.raw, message.id, message.attempt, message.sequence) for message in messages]
    assert got == told
    assert all(message.attributes == properties for message in messages)
