"""The converters of Microsoft's own library as an outside judge: what they read of the same facts.

azure.functions decodes what the language worker gets, which has no nesting in strings, so it is given the
facts and we the host's envelope of them. Of Event Hubs with many events it is no judge: without the
worker's own collections it writes each event anew.
"""

import json

import pytest
from azure.functions.meta import Datum, get_binding_registry
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Events, Queue, Schedule, Storage, Topic
from polyfn_azure.samples.encoding import nested

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def decode(binding, data, metadata):
    return get_binding_registry().get(binding).decode(data, trigger_metadata=metadata)


@given(
    TEXT.filter(lambda text: "{" not in text) | st.binary(),
    TEXT.filter(bool),
    st.integers(1, 99),
    st.sampled_from(["2024-05-10T16:13:45+00:00", "2024-05-10T16:13:45Z"]),
)
def test_queue(azure, body, name, count, when):
    facts = {"Id": name, "DequeueCount": count, "PopReceipt": "r"}
    told = {key: nested(value) for key, value in facts.items()} | {
        "InsertionTime": when,
        "ExpirationTime": when,
    }
    (ours,) = azure.decode(Queue("q"), {"message": nested(body)}, told)
    datum = Datum(body, "bytes" if isinstance(body, bytes) else "string")
    metadata = {
        "Id": Datum(name, "string"),
        "DequeueCount": Datum(count, "int"),
        "InsertionTime": Datum(when, "string"),
        "ExpirationTime": Datum(when, "string"),
        "PopReceipt": Datum("r", "string"),
    }
    theirs = decode("queueTrigger", datum, metadata)
    assert (ours.raw, ours.id, ours.attempt) == (theirs.get_body(), theirs.id, theirs.dequeue_count)
    assert ours.time == theirs.insertion_time
    assert ours.attributes["PopReceipt"] == theirs.pop_receipt


@given(st.dictionaries(TEXT, st.integers() | TEXT))
def test_json_of_a_queue(azure, payload):
    text = json.dumps(payload)
    (ours,) = azure.decode(Queue("q"), {"message": nested(text)}, azure.stored())
    assert ours.payload == decode("queueTrigger", Datum(text, "string"), {}).get_json()


@pytest.mark.parametrize("past", [True, False])
@pytest.mark.parametrize("status", [None, {"Last": "2024-05-09T06:00:00Z", "Next": "2024-05-10T06:00:00Z"}])
def test_timer(azure, past, status):
    told = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past}
    ours = azure.decode(Schedule("0 6 * * *"), {"timer": told}, {"sys": azure.sys()})
    theirs = decode("timerTrigger", Datum(json.dumps(told), "json"), {})
    assert ours.attributes["IsPastDue"] == theirs.past_due
    assert {name: ours.attributes.get(name) for name in status or {}} == (theirs.schedule_status or {})


@given(st.dictionaries(TEXT, st.integers() | TEXT), TEXT.filter(bool))
def test_event_grid(azure, payload, subject):
    told = {
        "id": "1", "topic": "/t", "subject": subject, "eventType": "made", "dataVersion": "1",
        "eventTime": "2017-07-14T23:10:27.7689666Z", "metadataVersion": "1", "data": payload,
    }  # fmt: skip
    ours = azure.decode(Events(), {"event": told})
    (message,) = azure.decode(Topic("t"), {"message": told})
    theirs = decode("eventGridTrigger", Datum(json.dumps(told), "json"), {})
    for one in (ours, message):
        assert (one.id, one.source, one.subject, one.type) == (
            theirs.id, theirs.topic, theirs.subject, theirs.event_type,
        )  # fmt: skip
        assert one.payload == theirs.get_json()
        assert one.time.replace(tzinfo=None) == theirs.event_time.replace(tzinfo=None)


@given(st.binary(), st.integers(0))
def test_blob(azure, body, size):
    uri = "https://shop.blob.core.windows.net/uploads/a.txt"
    told = {"Uri": nested(uri), "Properties": {"ContentLength": str(size)}, "Metadata": {"a": "b"}}
    ours = azure.decode(Storage("uploads"), {"blob": nested(body)}, told)
    metadata = {
        "Uri": Datum(uri, "string"),
        "Properties": Datum(json.dumps(told["Properties"]), "json"),
        "Metadata": Datum('{"a":"b"}', "json"),
        "BlobTrigger": Datum("uploads/a.txt", "string"),
    }
    theirs = decode("blobTrigger", Datum(body, "bytes"), metadata)
    assert (ours.raw, ours.size, ours.source) == (theirs.read(), theirs.length, theirs.uri)
    assert f"{ours.bucket}/{ours.key}" == theirs.name
    assert ours.attributes == theirs.metadata
