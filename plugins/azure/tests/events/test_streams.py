"""Event Hubs, one and many, and the change feed of Cosmos DB.

The names are those of EventHubTriggerBindingStrategy.cs in Azure/azure-sdk-for-net
(sdk/eventhub/Microsoft.Azure.WebJobs.Extensions.EventHubs/src/Triggers), read there.
"""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Stream
from polyfn.errors import TriggerMismatchError
from polyfn_azure.runtime.cosmos import elements
from polyfn_azure.runtime.envelope import EnvelopeError

READINGS = Stream("readings")
CARTS = Stream("shop/carts")
PARTITION = {
    "FullyQualifiedNamespace": "ns.servicebus.windows.net",
    "EventHubName": "readings",
    "ConsumerGroup": "$Default",
    "PartitionId": "3",
}
WHEN = datetime(2020, 7, 14, 1, 27, 55, 627000, tzinfo=UTC)
FACTS = {
    "PartitionKey": "device-7",
    "Offset": "-1",
    "OffsetString": "geo:3696",
    "SequenceNumber": 47,
    "EnqueuedTimeUtc": "2020-07-14T01:27:55.627Z",
    "Properties": {"colour": "red", "PartitionId": "forged", "iothub-connection-device-id": "forged"},
    "SystemProperties": {
        "iothub-connection-device-id": "d7",
        "content-type": "text/plain",
        "SequenceNumber": 47,
    },
}


def b64(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def hub(azure):
    def run(*events, **more):
        columns = {f"{name}Array": azure.nest([one.get(name) for one in events]) for name in FACTS}
        return {"TriggerPartitionContext": PARTITION, "PartitionContext": PARTITION} | columns | more

    return run


def check(event):
    assert (event.id, event.sequence, event.key) == ("readings-3@47", 47, "device-7")
    assert (event.time, event.source, event.origin) == (WHEN, "ns.servicebus.windows.net", "readings")
    assert (event.attempt, event.content_type) == (None, "text/plain")
    assert event.attributes == {
        "colour": "red",
        "PartitionId": "3",
        "ConsumerGroup": "$Default",
        "Offset": "geo:3696",
        "iothub-connection-device-id": "d7",
        "content-type": "text/plain",
        "SequenceNumber": 47,
    }


class TestEventHubs:
    def test_many(self, azure, hub):
        bodies = azure.nest([b64(b"\0\xff"), b64(b'{"t":1.50}')])
        first, second = azure.decode(READINGS, {"messages": bodies}, hub(FACTS, {"SequenceNumber": 48}))
        check(first)
        assert (first.raw, second.raw, second.payload) == (b"\0\xff", b'{"t":1.50}', {"t": 1.5})
        assert (second.id, second.key, second.time) == ("readings-3@48", None, None)
        assert first.native is second.native

    def test_one(self, azure):
        told = {
            name: value if isinstance(value, dict) or name == "EnqueuedTimeUtc" else azure.nest(value)
            for name, value in FACTS.items()
        }
        (event,) = azure.decode(READINGS, {"messages": b64(b"\xff")}, told | {"PartitionContext": PARTITION})
        check(event)
        assert event.raw == b"\xff"

    def test_one_as_text_cannot_forge(self, azure):
        told = {"PartitionContext": {}, "PartitionKey": '"x"', "SequenceNumber": '"1"', "Offset": '"5"'}
        text = '{"sequencenumber":1,"partitionKEY":"x"}'
        (event,) = azure.decode(READINGS, {"messages": azure.nest(text)}, told)
        assert (event.raw, event.sequence, event.key, event.id) == (text.encode(), None, None, None)
        assert event.attributes == {"Offset": "5"}

    def test_of_a_partition_that_is_not_told_there_is_no_id(self, azure, hub):
        told = hub(FACTS, TriggerPartitionContext={}, PartitionContext={})
        (event,) = azure.decode(READINGS, {"messages": azure.nest([b64(b"")])}, told)
        assert (event.id, event.sequence) == (None, 47)

    def test_the_attempt_is_the_retry_policys(self, azure, hub):
        told = hub(FACTS, RetryContext={"RetryCount": 2, "MaxRetryCount": 5, "Exception": None})
        (event,) = azure.decode(READINGS, {"messages": azure.nest([b64(b"")])}, told)
        assert event.attempt == 3

    @pytest.mark.parametrize("retry", [None, 5, "x", {}, {"RetryCount": "1"}, {"RetryCount": True}])
    def test_a_retry_context_that_says_nothing(self, azure, hub, retry):
        (event,) = azure.decode(
            READINGS, {"messages": azure.nest([b64(b"")])}, hub(FACTS, RetryContext=retry)
        )
        assert event.attempt is None

    def test_a_retry_context_of_the_message_is_none(self, azure):
        text = '{"RetryContext":{"RetryCount":0}}'
        told = {"PartitionContext": PARTITION, "RetryContext": {"RetryCount": 0}}
        (event,) = azure.decode(READINGS, {"messages": azure.nest(text)}, told)
        assert event.attempt is None

    def test_text_is_refused(self, azure, hub):
        with pytest.raises(EnvelopeError, match="message 0 of 1 is no Base64"):
            azure.decode(READINGS, {"messages": '["plain"]'}, hub(FACTS))

    def test_other_triggers_are_refused(self, azure):
        with pytest.raises(TriggerMismatchError, match=r"a message of a Storage queue arrived"):
            azure.decode(READINGS, {"messages": '"x"'}, azure.stored())
        with pytest.raises(TriggerMismatchError, match="a timer arrived"):
            azure.decode(CARTS, {"messages": {"Schedule": {}, "IsPastDue": True}}, stream="cosmosdb")

    @given(st.lists(st.binary()))
    def test_any_bytes(self, azure, bodies):
        told = {"PartitionContext": PARTITION, "SequenceNumberArray": azure.nest(list(range(len(bodies))))}
        events = azure.decode(READINGS, {"messages": azure.nest([b64(one) for one in bodies])}, told)
        assert [event.raw for event in events] == bodies
        assert [event.sequence for event in events] == list(range(len(bodies)))


@pytest.fixture
def feed(azure):
    def run(text, **metadata):
        return azure.decode(
            CARTS, {"messages": azure.nest(text)}, {"sys": azure.sys()} | metadata, stream="cosmosdb"
        )

    return run


class TestChangeFeed:
    def test_every_document_is_a_message(self, feed):
        text = '[{"id":"a","n": 1.50,"_ts":1744174180,"_lsn":161,"_etag":"\\"e\\""} , {"id":"b"}]'
        first, second = feed(text)
        assert (first.id, first.sequence, first.origin) == ("a", 161, "shop/carts")
        assert first.time == datetime(2025, 4, 9, 4, 49, 40, tzinfo=UTC)
        assert first.attributes == {"_ts": 1744174180, "_lsn": 161, "_etag": '"e"'}
        assert (second.id, second.sequence, second.time, second.attributes) == ("b", None, None, {})

    def test_its_bytes_are_as_they_were_written(self, feed):
        text = '[ {"n": 1.50, "s":"}],[{\\" \\\\"} ,\n{"nested":[{"a":[]},"]"],"é":1e3}]'
        assert [one.raw for one in feed(text)] == [
            b'{"n": 1.50, "s":"}],[{\\" \\\\"}',
            '{"nested":[{"a":[]},"]"],"é":1e3}'.encode(),
        ]

    def test_an_array_that_is_nested_once(self, azure):
        (message,) = azure.decode(CARTS, {"messages": '[{"id":"a"}]'}, stream="cosmosdb")
        assert (message.id, message.raw) == ("a", b'{"id":"a"}')

    def test_none(self, feed):
        assert feed("[]") == []

    def test_the_attempt(self, feed):
        (message,) = feed("[{}]", RetryContext={"RetryCount": 0})
        assert (message.attempt, message.id) == (1, None)

    @pytest.mark.parametrize("text", ["", "x", "{}", "5", "[1]", "[{},[]]", "[{}", "null"])
    def test_what_is_no_feed(self, feed, text):
        with pytest.raises(EnvelopeError, match="no JSON array of objects"):
            feed(text)

    def test_bytes_are_none(self, azure):
        with pytest.raises(EnvelopeError):
            azure.decode(CARTS, {"messages": b64(b"[]")}, stream="cosmosdb")


DOCUMENTS = st.lists(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=6,
        ),
    )
)


@given(DOCUMENTS, st.sampled_from([None, 0, 2]), st.booleans())
def test_elements_are_cut_as_they_were_written(documents, indent, ascii_only):
    parts = [json.dumps(one, indent=indent, ensure_ascii=ascii_only) for one in documents]
    assert elements(f"[{' , '.join(parts)}]") == parts
