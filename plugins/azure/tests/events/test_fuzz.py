"""Whatever comes: an event, or an error that says so; and never a fact that a message has made up."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Events, Queue, Schedule, Storage, Stream, Topic
from polyfn.errors import PayloadError, TriggerMismatchError
from polyfn.events import Event
from polyfn_azure.runtime.envelope import EnvelopeError
from polyfn_azure.samples.encoding import envelope, nested

TRIGGERS = [
    Queue("q"), Topic("t"), Stream("d/c"), Storage("b"), Storage("b", on="any"), Schedule("0 6 * * *"),
    Events(),
]  # fmt: skip
#: Names that hosts and extensions give things, in Data and in Metadata.
NAMES = st.sampled_from([
    "Id", "DequeueCount", "PopReceipt", "InsertionTime", "MessageId", "LockToken", "DeliveryCount", "Client",
    "ApplicationProperties", "SequenceNumber", "MessageIdArray", "DeliveryCountArray", "EnqueuedTimeArray",
    "ApplicationPropertiesArray", "UserPropertiesArray", "TriggerPartitionContext", "PartitionContext",
    "PropertiesArray", "SystemPropertiesArray", "OffsetArray", "Offset", "EnqueuedTimeUtc", "Uri", "name",
    "Properties", "Metadata", "RetryContext", "RetryCount", "sys", "UtcNow", "Schedule", "ScheduleStatus",
    "IsPastDue", "Next", "specversion", "type", "eventType", "subject", "id", "source", "data", "data_base64",
    "Source", "Content", "url", "contentLength", "PartitionId", "FullyQualifiedNamespace", "Url", "Method",
])  # fmt: skip
TEXTS = st.sampled_from([
    "", "x", '"x"', '""', "5", "1234", "YQ==", '["YQ=="]', "[]", "{}", '[{}]', '"[{}]"', '"{}"', '"[]"',
    "null",
    "1.0", "2024-05-10T16:13:45+00:00", "0001-01-01T00:00:00", "Microsoft.Storage.BlobCreated",
    "AzureStorageBlobs",
    "/blobServices/default/containers/b/blobs/k", "https://a.blob.core.windows.net/b/k", '"https://h/b/k"',
    "[",
    '"\\ud800"', '{"Id":1}', '"{\\"Id\\":1}"', "9" * 5000, "[" * 5000,
])  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=6),
    max_leaves=12,
)
DATA = st.dictionaries(
    st.sampled_from(["message", "messages", "blob", "timer", "event", "other"]),
    VALUES | st.dictionaries(NAMES, VALUES, max_size=8),
    max_size=2,
)
METADATA = st.dictionaries(NAMES | st.text(), VALUES | TEXTS, max_size=8)
SETTINGS = st.sampled_from([{}, {"queue": "servicebus"}, {"topic": "eventgrid"}, {"stream": "cosmosdb"}])


@pytest.mark.parametrize("trigger", TRIGGERS, ids=repr)
@given(data=DATA, metadata=METADATA, settings=SETTINGS)
def test_nothing_crashes(azure, quiet, trigger, data, metadata, settings):
    try:
        found = azure.decode(trigger, data, metadata, **settings)
    except (EnvelopeError, TriggerMismatchError) as error:
        assert error.code in ("PF340", "PF105")
        assert len(str(error)) < 500
        return
    for event in found if isinstance(found, list) else [found]:
        if event is not None:
            look(event)


def look(event):
    """Ask an event for everything that it has."""
    assert isinstance(event, Event)
    for name in ("id", "source", "type", "subject", "content_type"):
        assert getattr(event, name) is None or isinstance(getattr(event, name), str)
    assert event.attempt is None or type(event.attempt) is int
    assert isinstance(event.attributes, dict)
    assert event.time is None or event.time.tzinfo is not None
    assert set(event.native) == {"Data", "Metadata", "Promoted"}
    try:
        _ = event.payload, event.text
    except PayloadError:
        pass


QUEUE = {
    "DequeueCount": "5", "Id": '"true id"', "InsertionTime": "2024-05-10T16:13:45+00:00",
    "PopReceipt": '"true receipt"', "ExpirationTime": "2024-05-17T16:13:45+00:00",
}  # fmt: skip
BUS = {
    "DeliveryCount": "5", "MessageId": '"true id"', "LockToken": '"true token"', "SequenceNumber": "7",
    "EnqueuedTime": "2024-05-10T16:13:45+00:00", "EnqueuedTimeUtc": "2024-05-10T16:13:45",
    "Client": {"FullyQualifiedNamespace": "true namespace"}, "SessionId": '"true session"',
    "ApplicationProperties": {"true": "property"},
}  # fmt: skip
HUB = {
    "PartitionKey": '"true key"', "SequenceNumber": "7", "EnqueuedTimeUtc": "2024-05-10T16:13:45Z",
    "PartitionContext": {"PartitionId": "0", "ConsumerGroup": "$Default"}, "OffsetString": '"5"',
    "Properties": {"true": "property"}, "SystemProperties": {},
    "RetryContext": {"RetryCount": 4, "MaxRetryCount": 5},
}  # fmt: skip


def recased(name):
    return st.tuples(*(st.sampled_from([letter.lower(), letter.upper()]) for letter in name)).map("".join)


FORGED = st.dictionaries(
    NAMES.flatmap(recased) | st.sampled_from(list(QUEUE | BUS | HUB)).flatmap(recased),
    st.none()
    | st.integers()
    | st.text()
    | st.lists(st.text(), max_size=1)
    | st.dictionaries(NAMES, st.text()),
    max_size=12,
)


@pytest.mark.parametrize(
    ("trigger", "genuine"), [(Queue("q"), QUEUE), (Queue("q"), BUS), (Topic("t"), BUS), (Stream("s"), HUB)]
)
@given(message=FORGED, as_bytes=st.booleans())
def test_no_message_makes_up_a_fact(azure, trigger, genuine, message, as_bytes):
    """Beside a message that says nothing of itself: each fact is the same, or is not told."""
    kind = "messages" if trigger.kind == "stream" else "message"
    text = json.dumps(message)
    (told,) = azure.decode(trigger, {kind: nested("x")}, genuine)
    made = envelope(
        "f", {kind: nested(text.encode() if as_bytes else text)}, genuine, None if as_bytes else text
    )
    (got,) = azure.decode(trigger, made["Data"], made["Metadata"], queue=_service(genuine))
    for name in ("id", "attempt", "time", "key", "sequence", "source", "subject", "type", "content_type"):
        found = getattr(got, name)
        assert found == getattr(told, name) or (found is None and not as_bytes), name
    assert got.attributes.items() <= told.attributes.items()
    assert got.raw == text.encode()
    assert (
        got.native["Metadata"].items() <= (told.native["Metadata"] | {"sys": made["Metadata"]["sys"]}).items()
    )


def _service(genuine):
    return "servicebus" if "LockToken" in genuine else "storage"


@given(st.text(), st.binary())
def test_what_is_sent_arrives(azure, text, data):
    for trigger, name, genuine in ((Queue("q"), "message", QUEUE), (Stream("s"), "messages", HUB)):
        made = envelope("f", {name: nested(text)}, genuine, text)
        (got,) = azure.decode(trigger, made["Data"], made["Metadata"])
        assert got.raw == text.encode("utf-8", "surrogatepass")
        (got,) = azure.decode(trigger, {name: base64.b64encode(data).decode()}, genuine)
        assert got.raw == data
