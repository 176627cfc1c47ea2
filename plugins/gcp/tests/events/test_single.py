"""Storage, Schedule and Events: one event per call."""

import base64
import json
from datetime import UTC, datetime

import pytest

from polyfn import Event, Events, ObjectChange, Schedule, Storage, Tick

WHEN = datetime(2026, 1, 15, 6, 0, tzinfo=UTC)
RESOURCE = {
    "bucket": "uploads",
    "name": "a b/é.txt",
    "size": "11",
    "etag": "E=",
    "generation": "17",
}


def changed(gcp, kind="finalized", body=RESOURCE, **more):
    told = {
        "type": f"google.cloud.storage.object.v1.{kind}",
        "source": "//storage.googleapis.com/projects/_/buckets/uploads",
        "subject": "objects/a%20b/%C3%A9.txt",
        "time": "2026-01-15T06:00:00Z",
        "bucket": "uploads",
    } | more
    return gcp.request(body, gcp.binary(**told))


class TestStorage:
    def test_an_object_created(self, see, gcp):
        (change,) = see(Storage("uploads"), ObjectChange, changed(gcp))
        assert (change.bucket, change.key, change.change) == ("uploads", "a b/é.txt", "created")
        assert (change.size, change.etag, change.version) == (11, "E=", "17")
        assert (change.id, change.type) == ("e1", "google.cloud.storage.object.v1.finalized")
        assert (change.source, change.subject) == (
            "//storage.googleapis.com/projects/_/buckets/uploads",
            "objects/a b/é.txt",
        )
        assert change.time == WHEN
        assert change.data == RESOURCE
        assert change.attributes["bucket"] == "uploads"

    @pytest.mark.parametrize(
        ("kind", "change"),
        [
            ("finalized", "created"),
            ("deleted", "deleted"),
            ("archived", "archived"),
            ("metadataUpdated", "metadataUpdated"),
        ],
    )
    def test_every_change(self, see, gcp, kind, change):
        assert see(Storage("uploads", on="any"), ObjectChange, changed(gcp, kind))[0].change == change

    def test_a_wider_trigger_is_skipped_with_a_warning(self, see, gcp, log):
        assert see(Storage("uploads", on="deleted"), ObjectChange, changed(gcp)) == []
        assert see(Storage("uploads", on="deleted"), ObjectChange, changed(gcp, "deleted"))
        assert [level for level, *_ in log] == ["WARNING"]

    def test_the_attributes_are_enough(self, see, gcp):
        """A body that is no JSON, as Eventarc Advanced could convert it."""
        (change,) = see(Storage("uploads"), ObjectChange, changed(gcp, body=b"\x0a\xff"))
        assert (change.bucket, change.key, change.size, change.version) == (
            "uploads",
            "a b/é.txt",
            None,
            None,
        )

    def test_what_names_no_object_is_refused(self, gcp, log):
        request = changed(gcp, body=b"{}", subject=None)
        assert gcp.serve({"f": (Storage("uploads"), lambda event: None)})(request).status == 400

    def notified(self, gcp, kind="OBJECT_FINALIZE", data=RESOURCE, **more):
        attributes = {
            "eventType": kind,
            "bucketId": "uploads",
            "objectId": "a b/é.txt",
            "objectGeneration": "17",
            "eventTime": "2026-01-15T06:00:00Z",
            "payloadFormat": "JSON_API_V1" if data else "NONE",
        } | more
        return gcp.push(json.dumps(data).encode() if data else None, attributes=attributes)

    def test_a_notification_of_the_bucket(self, see, gcp):
        (change,) = see(Storage("uploads"), ObjectChange, gcp.request(self.notified(gcp)))
        assert (change.bucket, change.key, change.change) == ("uploads", "a b/é.txt", "created")
        assert (change.size, change.etag, change.version) == (11, "E=", "17")
        assert (change.id, change.type, change.time) == ("m1", "OBJECT_FINALIZE", WHEN)
        assert change.data == RESOURCE

    def test_a_notification_without_payload(self, see, gcp):
        envelope = self.notified(gcp, "OBJECT_DELETE", None)
        (change,) = see(Storage("uploads", on="deleted"), ObjectChange, gcp.request(envelope))
        assert (change.change, change.size, change.version, change.payload) == ("deleted", None, "17", None)

    def test_a_notification_without_wrapper(self, see, gcp):
        told = self.notified(gcp)["message"]["attributes"]
        headers = gcp.unwrapped() | {name: value for name, value in told.items() if value.isascii()}
        headers |= {"objectId": "a/b.txt"}
        (change,) = see(Storage("uploads"), ObjectChange, gcp.request(RESOURCE, headers))
        assert (change.key, change.size, change.version) == ("a/b.txt", 11, "17")


HEADERS = {
    "x-cloudscheduler": "true",
    "x-cloudscheduler-jobname": "nightly",
    "x-cloudscheduler-scheduletime": "2026-01-15T06:00:00Z",
    "user-agent": "Google-Cloud-Scheduler",
}


class TestSchedule:
    def test_a_job(self, see, gcp):
        headers = HEADERS | {"content-type": "application/octet-stream"}
        (tick,) = see(Schedule("0 6 * * *"), Tick, gcp.request({"a": 1}, headers))
        assert (tick.schedule, tick.time, tick.data, tick.id) == ("nightly", WHEN, {"a": 1}, None)
        assert tick.content_type == "application/octet-stream"
        assert tick.native.headers["user-agent"] == "Google-Cloud-Scheduler"

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
    def test_any_method_without_a_body(self, see, gcp, method):
        (tick,) = see(Schedule("0 6 * * *"), Tick, gcp.request(b"", HEADERS, method=method))
        assert (tick.raw, tick.payload) == (b"", None)

    def test_only_the_mark(self, see, gcp):
        (tick,) = see(Schedule("0 6 * * *"), Tick, gcp.request(b"", {"x-cloudscheduler": "true"}))
        assert (tick.schedule, tick.time) == (None, None)

    def test_through_pubsub(self, see, gcp):
        (tick,) = see(Schedule("0 6 * * *"), Tick, gcp.request(gcp.push(b'{"a":1}', attributes={"b": "c"})))
        assert (tick.schedule, tick.id, tick.data, tick.attributes) == (None, "m1", {"a": 1}, {"b": "c"})
        assert tick.time == datetime(2026, 1, 15, 6, 0, 0, 123000, UTC)


class TestEvents:
    def test_an_audit_log(self, see, gcp):
        kind = "google.cloud.audit.log.v1.written"
        body = {"protoPayload": {"serviceName": "run.googleapis.com", "methodName": "x"}}
        headers = gcp.binary(type=kind, servicename="run.googleapis.com", methodname="x", resourcename="r")
        (event,) = see(Events(kind), Event, gcp.request(body, headers))
        assert event.data["protoPayload"]["methodName"] == "x"
        assert event.attributes["servicename"] == "run.googleapis.com"

    @pytest.mark.parametrize("database", ["(default)", "orders-eu"])
    def test_firestore_of_any_database(self, see, gcp, database):
        source = f"//firestore.googleapis.com/projects/p/databases/{database}"
        headers = gcp.binary(
            type="google.cloud.firestore.document.v1.created", source=source, database=database,
            document="users/1", subject="documents/users/1",
        )  # fmt: skip
        (event,) = see(Events(source=source), Event, gcp.request(b"{}", headers))
        assert (event.source, event.attributes["database"]) == (source, database)

    @pytest.mark.parametrize("wrapped", [True, False])
    def test_one_out_of_pubsub(self, see, gcp, wrapped):
        told = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "//s", "ce-type": "t"}
        if wrapped:
            request = gcp.request(gcp.push(b'{"a":1}', attributes=told | {"ce-subject": "50%25"}, attempt=2))
        else:
            headers = gcp.unwrapped(x_goog_pubsub_delivery_attempt="2") | told | {"ce-subject": "50%2525"}
            request = gcp.request({"a": 1}, headers)
        (event,) = see(Events("t"), Event, request)
        # Percent-encoding is HTTP's, not Pub/Sub's.
        assert (event.id, event.source, event.subject, event.attempt) == ("e1", "//s", "50%25", 2)
        assert event.data == {"a": 1}

    def test_a_structured_one_out_of_pubsub(self, see, gcp):
        told = {"specversion": "1.0", "id": "e1", "source": "//s", "type": "t", "data": [1]}
        envelope = gcp.push(
            json.dumps(told).encode(), attributes={"content-type": "application/cloudevents+json"}
        )
        (event,) = see(Events("t"), Event, gcp.request(envelope))
        assert (event.id, event.data) == ("e1", [1])

    def test_a_message_as_an_event(self, see, gcp):
        kind = "google.cloud.pubsub.topic.v1.messagePublished"
        data = {"message": {"data": base64.b64encode(b"1").decode()}, "subscription": "s"}
        (event,) = see(Events(kind), Event, gcp.request(data, gcp.binary(type=kind)))
        assert event.data == data
