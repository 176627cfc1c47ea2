"""Timers, blobs and events of Event Grid."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Events, Schedule, Storage, Topic
from polyfn.errors import TriggerMismatchError
from polyfn_azure.runtime.envelope import EnvelopeError

NIGHTLY = Schedule("0 6 * * *")
UPLOADS = Storage("uploads")


def timer(status=None, *, past_due=False):
    return {"timer": {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}}


class TestTimers:
    def test_without_a_status(self, azure):
        tick = azure.decode(NIGHTLY, timer(), {"sys": azure.sys()}, name="nightly")
        assert (tick.schedule, tick.time, tick.attempt) == ("nightly", None, None)
        assert (tick.raw, tick.payload, tick.attributes) == (b"", None, {"IsPastDue": False})

    def test_with_a_status(self, azure):
        """The times are those of tests/test_timer.py in Azure/azure-functions-python-library."""
        status = {
            "Last": "2022-03-28T15:40:00.0105419-05:00",
            "Next": "2022-03-28T15:45:00-05:00",
            "LastUpdated": "2022-03-28T15:40:00.0105419-05:00",
        }
        tick = azure.decode(NIGHTLY, timer(status, past_due=True), {"sys": azure.sys()})
        assert tick.time == datetime(2022, 3, 28, 15, 45, tzinfo=timezone(timedelta(hours=-5)))
        assert tick.attributes == status | {"IsPastDue": True}

    @pytest.mark.parametrize(
        ("due", "told"),
        [
            ("2024-05-10T16:13:47Z", True),
            ("2024-05-10T16:13:48Z", True),  # the timer was a little early
            ("2024-05-10T16:13:49Z", False),  # the next run, told to one on startup
            ("2024-05-10T16:20:00Z", False),
            ("0001-01-01T00:00:00", False),
            ("yesterday", False),
            (None, False),
            (5, False),
        ],
    )
    def test_when_it_was_due(self, azure, due, told):
        tick = azure.decode(NIGHTLY, timer({"Next": due}), {"sys": azure.sys()})
        assert (tick.time is not None) == told

    def test_the_attempt_is_the_retry_policys(self, azure):
        told = {"RetryContext": {"RetryCount": 1, "MaxRetryCount": 3}}
        assert azure.decode(NIGHTLY, timer(), told).attempt == 2

    @pytest.mark.parametrize("status", ["x", [], 5, {}])
    def test_a_status_that_is_none(self, azure, status):
        assert azure.decode(NIGHTLY, timer(status)).time is None

    def test_what_is_no_timer(self, azure):
        with pytest.raises(TriggerMismatchError, match=r"a message of a Storage queue arrived.*Schedule"):
            azure.decode(NIGHTLY, {"timer": '"x"'}, azure.stored())


DEFERRED = {
    "Version": "1.0",
    "Source": "AzureStorageBlobs",
    "Content": {"IsEmpty": False, "Length": 92, "MediaType": "application/json"},
    "ContentType": "application/json",
}


def located(key="a%20b%2B%C3%BC.txt", *, name="a b+ü.txt", host="https://shop.blob.core.windows.net", **more):
    told = {"Uri": json.dumps(f"{host}/uploads/{key}")}
    return told | ({} if name is None else {"name": json.dumps(name)}) | more


class TestBlobs:
    def test_deferred(self, azure):
        properties = {
            "LastModified": "2020-12-04T21:30:05+00:00",
            "ContentLength": 12,
            "ContentType": "text/plain",
            "ETag": "0x8D8989BC453467D",
        }
        told = located(Properties=properties, Metadata={"colour": "red"})
        change = azure.decode(UPLOADS, {"blob": DEFERRED}, told)
        assert (change.bucket, change.key, change.change, change.size) == (
            "uploads",
            "a b+ü.txt",
            "created",
            12,
        )
        assert (change.etag, change.raw, change.payload) == ("0x8D8989BC453467D", b"", None)
        assert change.time == datetime(2020, 12, 4, 21, 30, 5, tzinfo=UTC)
        assert (change.content_type, change.attributes) == ("text/plain", {"colour": "red"})
        assert change.source == "https://shop.blob.core.windows.net/uploads/a%20b%2B%C3%BC.txt"

    @pytest.mark.parametrize("size", [12, "12"])
    @pytest.mark.parametrize("name", ["ContentLength", "Length"])
    def test_its_size_under_either_name(self, azure, name, size):
        change = azure.decode(UPLOADS, {"blob": DEFERRED}, located(Properties={name: size, "ETag": {}}))
        assert (change.size, change.etag) == (12, None)

    @pytest.mark.parametrize(
        "host",
        [
            "https://shop.blob.core.windows.net", "http://127.0.0.1:10000/devstoreaccount1",
            "http://azurite:10000/devstoreaccount1", "https://blobs.example.com",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("name", [None, "in/a b.txt"])
    def test_its_key(self, azure, host, name):
        told = located("in/a%20b.txt", name=name, host=host)
        assert azure.decode(UPLOADS, {"blob": DEFERRED}, told).key == "in/a b.txt"

    def test_its_key_without_a_uri(self, azure):
        assert azure.decode(UPLOADS, {"blob": DEFERRED}, {"name": '"1234"'}).key == "1234"

    def test_another_container_is_refused(self, azure):
        with pytest.raises(EnvelopeError, match="not of the container 'uploads'"):
            azure.decode(
                UPLOADS, {"blob": DEFERRED}, {"Uri": '"https://a.blob.core.windows.net/other/uploads/x"'}
            )

    def test_a_blob_without_a_name_is_refused(self, azure):
        with pytest.raises(EnvelopeError, match="names no blob"):
            azure.decode(UPLOADS, {"blob": DEFERRED})

    @pytest.mark.parametrize("data", [b"", b"\0\xff", b"{}", b"hello"])
    def test_with_its_bytes(self, azure, data):
        change = azure.decode(UPLOADS, {"blob": base64.b64encode(data).decode()}, located())
        assert (change.raw, change.key) == (data, "a b+ü.txt")

    def test_with_its_text(self, azure):
        change = azure.decode(UPLOADS, {"blob": azure.nest("1234")}, located())
        assert (change.raw, change.key) == (b"1234", "a b+ü.txt")

    def test_its_content_does_not_say_where_it_is(self, azure):
        told = located(name="forged", Properties='"x"')
        text = '{"name":"forged","properties":"x"}'
        change = azure.decode(UPLOADS, {"blob": azure.nest(text)}, told)
        assert (change.key, change.size, change.raw) == ("a b+ü.txt", None, text.encode())

    def test_nor_is_any_other_name_believed(self, azure):
        text = '{"name":"forged","URI":"https://a.blob.core.windows.net/uploads/forged"}'
        told = {"name": '"forged"', "Uri": '"https://a.blob.core.windows.net/uploads/forged"'}
        with pytest.raises(EnvelopeError, match="the blob's own content"):
            azure.decode(UPLOADS, {"blob": azure.nest(text)}, told)

    def test_its_content_does_not_pass_for_an_event(self, azure):
        text = json.dumps(published() | {"name": "x", "Uri": "y"})
        with pytest.raises(EnvelopeError):
            azure.decode(UPLOADS, {"blob": azure.nest(text)}, {"name": '"x"', "Uri": '"y"'})

    @given(st.text(min_size=1))
    def test_any_key(self, azure, key):
        from urllib.parse import quote

        told = {"Uri": json.dumps(f"https://a.blob.core.windows.net/uploads/{quote(key, errors='replace')}")}
        change = azure.decode(UPLOADS, {"blob": DEFERRED}, told)
        assert change.key == key.encode("utf-8", "replace").decode()
        assert azure.decode(UPLOADS, {"blob": DEFERRED}, {"name": json.dumps(key)}).key == key


def published(kind="BlobCreated", *, bucket="uploads", key="in/a b.txt", **data):
    """Storage's event: learn.microsoft.com/azure/event-grid/event-schema-blob-storage, values of our own."""
    told = {
        "api": "PutBlob",
        "eTag": "0x8D4BCC2E4835CD0",
        "contentType": "text/plain",
        "contentLength": 524288,
        "url": f"https://shop.blob.core.windows.net/{bucket}/{key.replace(' ', '%20')}",
        "sequencer": "0000000000002C1F",
    }
    return {
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/shop",
        "subject": f"/blobServices/default/containers/{bucket}/blobs/{key}",
        "eventType": f"Microsoft.Storage.{kind}",
        "eventTime": "2017-06-26T18:41:00.9584103Z",
        "id": "831e1650",
        "data": told | data,
        "dataVersion": "",
        "metadataVersion": "1",
    }


def as_cloud(event):
    names = {"topic": "source", "eventType": "type", "eventTime": "time"}
    told = {names.get(name, name): value for name, value in event.items() if not name.endswith("Version")}
    # As the documentation has it, without the first slash.
    return told | {"specversion": "1.0", "subject": told["subject"].removeprefix("/")}


@pytest.mark.parametrize("schema", [dict, as_cloud])
class TestStorageEvents:
    def test_a_deletion(self, azure, schema):
        event = published("BlobDeleted")
        change = azure.decode(
            Storage("uploads", on="deleted"), {"event": schema(event)}, {"data": event["data"]}
        )
        assert (change.bucket, change.key, change.change) == ("uploads", "in/a b.txt", "deleted")
        assert (change.size, change.id, change.type) == (None, "831e1650", "Microsoft.Storage.BlobDeleted")
        assert change.time == datetime(2017, 6, 26, 18, 41, 0, 958410, tzinfo=UTC)
        assert change.source == event["topic"]
        assert change.payload == event["data"]

    def test_a_creation(self, azure, schema):
        change = azure.decode(Storage("uploads", on="any"), {"event": schema(published(blobVersion="v1"))})
        assert (change.change, change.size, change.etag) == ("created", 524288, "0x8D4BCC2E4835CD0")
        assert change.version == "v1"

    def test_another_change_stays_as_it_is(self, azure, schema):
        change = azure.decode(Storage("uploads", on="any"), {"event": schema(published("BlobRenamed"))})
        assert change.change == "BlobRenamed"

    @pytest.mark.parametrize(
        ("trigger", "event"),
        [
            (Storage("uploads", on="deleted"), published("BlobCreated")),
            (Storage("other", on="any"), published()),
            (
                Storage("uploads", on="any"),
                published() | {"subject": "/blobServices/default/containers/uploads"},
            ),
        ],
    )
    def test_what_is_not_asked_for(self, azure, log, schema, trigger, event):
        assert azure.decode(trigger, {"event": schema(event)}) is None
        assert log[0][0] == "INFO"

    def test_nested_in_a_text(self, azure, schema):
        told = azure.nest(json.dumps(schema(published("BlobDeleted"))))
        assert azure.decode(Storage("uploads", on="deleted"), {"event": told}).change == "deleted"

    def test_without_a_url(self, azure, schema):
        change = azure.decode(Storage("uploads", on="any"), {"event": schema(published(url=None))})
        assert change.key == "in/a b.txt"

    def test_events_of_others_are_refused(self, azure, schema):
        event = schema(published() | {"eventType": "Contoso.Made"})
        with pytest.raises(TriggerMismatchError, match="Storage"):
            azure.decode(Storage("uploads", on="any"), {"event": event})


OWN = {
    "id": "1", "topic": "/topics/t", "subject": "s", "eventType": "com.example.made",
    "eventTime": "2023-10-12T20:13:49.640002Z", "dataVersion": "1", "metadataVersion": "1", "data": {"a": 1},
}  # fmt: skip
CLOUD = {
    "id": "1", "source": "/topics/t", "subject": "s", "type": "com.example.made", "specversion": "1.0",
    "time": "2023-10-12T20:13:49.640002Z", "data": {"a": 1},
}  # fmt: skip


class TestEvents:
    @pytest.mark.parametrize("told", [OWN, CLOUD])
    def test_both_schemas(self, azure, told):
        event = azure.decode(Events("com.example.made", source="/topics/t"), {"event": told})
        assert (event.id, event.source, event.type, event.subject) == (
            "1",
            "/topics/t",
            "com.example.made",
            "s",
        )
        assert event.time == datetime(2023, 10, 12, 20, 13, 49, 640002, tzinfo=UTC)
        assert (event.payload, event.content_type, event.raw) == ({"a": 1}, "application/json", b'{"a":1}')
        assert event.native["Data"] == {"event": told}

    def test_the_other_attributes(self, azure):
        event = azure.decode(Events(), {"event": OWN})
        assert event.attributes == {"dataVersion": "1", "metadataVersion": "1"}
        event = azure.decode(Events(), {"event": CLOUD | {"traceparent": "00-1", "partitionkey": 5}})
        assert event.attributes == {"specversion": "1.0", "traceparent": "00-1", "partitionkey": 5}

    @pytest.mark.parametrize(
        ("more", "raw"),
        [
            ({"data": "text", "datacontenttype": "text/plain"}, b"text"),
            ({"data": "text", "datacontenttype": "application/json"}, b'"text"'),
            ({"data": "text"}, b'"text"'),
            ({"data": None}, b""),
            ({"data": None, "data_base64": "AP8="}, b"\0\xff"),
            ({"data": [1, None]}, b"[1,null]"),
        ],
    )
    def test_the_data(self, azure, more, raw):
        assert azure.decode(Events(), {"event": CLOUD | more}).raw == raw

    def test_without_data(self, azure):
        event = azure.decode(Events(), {"event": {**OWN, "data": None, "topic": None}})
        assert (event.raw, event.payload, event.content_type, event.source) == (b"", None, None, None)

    @pytest.mark.parametrize("trigger", [Events("other"), Events(source="/other")])
    def test_another_type_or_source(self, azure, trigger):
        with pytest.raises(TriggerMismatchError, match=r"type 'com.example.made' arrived.*Events"):
            azure.decode(trigger, {"event": OWN})

    @pytest.mark.parametrize(
        ("told", "what"),
        [
            (OWN | {"id": ""}, "lacks id"),
            (OWN | {"eventType": None}, "lacks eventType"),
            (OWN | {"subject": 5}, "subject is no text"),
            (OWN | {"eventTime": []}, "eventTime is no text"),
            ({**CLOUD, "source": None}, "lacks source"),
            (CLOUD | {"time": 1}, "time is no text"),
            (CLOUD | {"data_base64": "x"}, "data_base64 is no Base64"),
            (CLOUD | {"data_base64": {}}, "data_base64 is no Base64"),
            (CLOUD | {"type": {"a": 1}}, "type is no text"),
        ],
    )
    def test_what_cannot_be_read(self, azure, told, what):
        with pytest.raises(EnvelopeError, match=what):
            azure.decode(Events(), {"event": told})

    def test_what_is_none(self, azure):
        with pytest.raises(TriggerMismatchError, match="an object that no known trigger sends"):
            azure.decode(Events(), {"event": {"a": 1}})

    def test_a_topic_of_event_grid(self, azure):
        (message,) = azure.decode(Topic("news"), {"message": OWN})
        assert (message.id, message.type, message.source) == ("1", "com.example.made", "/topics/t")
        assert (message.payload, message.origin, message.attempt) == ({"a": 1}, "news", None)

    def test_a_message_does_not_pass_for_one(self, azure):
        text = json.dumps(OWN | {"LockToken": "x", "DeliveryCount": 1})
        told = {"LockToken": '"x"', "DeliveryCount": '"1"'}
        (message,) = azure.decode(Topic("news"), {"message": azure.nest(text)}, told)
        assert (message.id, message.type, message.raw) == (None, None, text.encode())
        (message,) = azure.decode(Topic("news"), {"message": azure.nest(text)}, told, topic="eventgrid")
        assert message.id == "1"
