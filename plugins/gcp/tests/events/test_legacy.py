"""Background events to CloudEvents and back, in the 17 shapes that Google's conformance suite has.

Each shape is written anew here from the rules of mapping.md, with values of its own.
"""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Event, Events, Message, ObjectChange, Storage, Topic
from polyfn_gcp.runtime import legacy
from polyfn_gcp.runtime.verify import EnvelopeError

ID, WHEN = "ev-1", "2026-01-15T06:00:00.5Z"
PUBSUB_KIND = "type.googleapis.com/google.pubsub.v1.PubsubMessage"
CLOUD = "google.cloud."
FIREBASE = "google.firebase."
DB_SOURCE = "//firebasedatabase.googleapis.com/projects/_/locations/us-central1/instances/shop"
STORAGE_DATA = {"bucket": "uploads", "name": "in/a.txt", "kind": "storage#object", "size": "3"}


def database(
    name, verb, *, data, delta, path="refs/carts/1", domain="firebaseio.com", location="us-central1"
):
    done = {"write": "written", "create": "created", "update": "updated", "delete": "deleted"}[verb]
    return name, {
        "background": {
            "eventType": f"providers/google.firebase.database/eventTypes/ref.{verb}",
            "resource": f"projects/_/instances/shop/{path}",
            "domain": domain,
            "params": {"child": "1"},
            "auth": {"admin": True},
        },
        "cloud": {
            "type": f"{FIREBASE}database.ref.v1.{done}",
            "source": DB_SOURCE.replace("us-central1", location or "us-central1"),
            "subject": path,
        },
        "data": {"data": data, "delta": delta},
    }


def document(name, verb, done, **data):
    path = "projects/shop/databases/(default)/documents/carts/7"
    return name, {
        "background": {
            "eventType": f"providers/cloud.firestore/eventTypes/document.{verb}",
            "resource": path,
        },
        "cloud": {
            "type": f"{CLOUD}firestore.document.v1.{done}",
            "source": "//firestore.googleapis.com/projects/shop/databases/(default)",
            "subject": "documents/carts/7",
        },
        "data": data,
    }


def message(name, data, *, old=False):
    topic = "projects/shop/topics/news"
    return name, {
        "background": {
            "eventType": "providers/cloud.pubsub/eventTypes/topic.publish"
            if old
            else "google.pubsub.topic.publish",
            "resource": topic
            if old
            else {"service": "pubsub.googleapis.com", "name": topic, "type": PUBSUB_KIND},
            "nested": not old,
        },
        "cloud": {
            "type": f"{CLOUD}pubsub.topic.v1.messagePublished",
            "source": f"//pubsub.googleapis.com/{topic}",
        },
        "data": {"@type": PUBSUB_KIND, **data},
        "cloud data": {"message": {"@type": PUBSUB_KIND, **data, "messageId": ID, "publishTime": WHEN}},
        "back": {
            "eventType": "google.pubsub.topic.publish",
            "resource": {"service": "pubsub.googleapis.com", "name": topic, "type": PUBSUB_KIND},
        },
    }


SHAPES = dict([
    ("auth", {
        "background": {
            "eventType": "providers/firebase.auth/eventTypes/user.create", "resource": "projects/shop",
        },
        "cloud": {
            "type": f"{FIREBASE}auth.user.v1.created",
            "source": "//firebaseauth.googleapis.com/projects/shop",
            "subject": "users/u7",
        },
        "data": {"uid": "u7", "metadata": {"createdAt": "a", "lastSignedInAt": "b", "other": 1}},
        "cloud data": {"uid": "u7", "metadata": {"createTime": "a", "lastSignInTime": "b", "other": 1}},
    }),
    database("db write", "write", data=None, delta={"a": 1}),
    database("db write again", "write", data={"a": 1}, delta={"a": 2}),
    database("db create", "create", data=None, delta={"b": [1]}),
    database("db update", "update", data={"a": 1}, delta={"a": None}),
    database("db at the top", "write", data={"x": {"y": 1}}, delta={"x": {"y": 2}}, path="refs/carts"),
    database("db deep", "write", data={"x": {"y": {"z": 1}}}, delta=3, path="refs/carts/a/b/c"),
    database("db text", "write", data="old", delta="new"),
    database("db number", "write", data=1, delta=2.5),
    database("db delete", "delete", data={"a": "b"}, delta=None),
    database("db delete in Europe", "delete", data=10, delta=None,
             domain="europe-west1.firebasedatabase.app", location="europe-west1"),
    document("document", "write", "written", oldValue={}, updateMask={},
             value={"fields": {"a": {"integerValue": "1"}}}),
    document("document with everything", "write", "written", value={"fields": {
        "list": {"arrayValue": {"values": [{"integerValue": "1"}, {"nullValue": None}]}},
        "place": {"geoPointValue": {"latitude": 1.5, "longitude": -2}},
    }}),
    message("old message", {"attributes": {"a": "b"}, "data": "eA=="}, old=True),
    message("binary message", {"data": "AQI="}),
    message("text message", {"attributes": {"a": "b"}, "data": "dGV4dA=="}),
    ("storage", {
        "background": {
            "eventType": "google.storage.object.finalize", "nested": True,
            "resource": {
                "service": "storage.googleapis.com", "type": "storage#object",
                "name": "projects/_/buckets/uploads/objects/in/a.txt",
            },
        },
        "cloud": {
            "type": f"{CLOUD}storage.object.v1.finalized", "subject": "objects/in/a.txt",
            "source": "//storage.googleapis.com/projects/_/buckets/uploads",
        },
        "data": STORAGE_DATA,
    }),
])  # fmt: skip


def background(shape):
    """The request's body."""
    told = dict(shape["background"])
    nested = told.pop("nested", False)
    context = {"eventId": ID, "timestamp": WHEN, "eventType": told.pop("eventType")}
    context["resource"] = told.pop("resource")
    return {"data": shape["data"], **told} | ({"context": context} if nested else context)


def cloud(shape):
    return {
        "specversion": "1.0",
        "id": ID,
        "time": WHEN,
        "datacontenttype": "application/json",
        "data": shape.get("cloud data", shape["data"]),
    } | shape["cloud"]


def back(shape):
    told = shape.get("back", shape["background"])
    context = {"eventId": ID, "timestamp": WHEN, "eventType": told["eventType"], "resource": told["resource"]}
    return {"data": shape["data"], "context": context}


def test_there_are_as_many_shapes_as_in_the_suite():
    assert len(SHAPES) == 17


@pytest.mark.parametrize("name", SHAPES)
class TestShapes:
    def test_to_a_cloudevent(self, name):
        told = background(SHAPES[name])
        before = copy.deepcopy(told)
        assert legacy.to_cloudevent(told) == cloud(SHAPES[name])
        assert told == before

    def test_back(self, name):
        told = cloud(SHAPES[name])
        before = copy.deepcopy(told)
        assert legacy.from_cloudevent(told) == back(SHAPES[name])
        assert told == before

    @pytest.mark.parametrize("style", ["sync", "async"])
    def test_it_arrives_as_an_event(self, name, style, gcp):
        seen = []

        def plainly(event: Event):
            seen.append(event)

        async def later(event: Event):
            seen.append(event)

        serve = gcp.serve({"f": (Events(), plainly if style == "sync" else later)})
        assert serve(gcp.request(background(SHAPES[name]))).status == 204
        expected = cloud(SHAPES[name])
        [event] = seen
        assert (event.id, event.source, event.type, event.subject) == (
            ID, expected["source"], expected["type"], expected.get("subject"),
        )  # fmt: skip
        assert (event.data, event.time.isoformat()) == (expected["data"], "2026-01-15T06:00:00.500000+00:00")
        assert event.native == background(SHAPES[name])

    @pytest.mark.parametrize("mode", ["binary", "structured"])
    def test_its_cloudevent_arrives_unchanged(self, name, mode, gcp, see):
        from polyfn_gcp.samples import cloudevents

        expected = cloud(SHAPES[name])
        headers, body = getattr(cloudevents, mode)(expected)
        [event] = see(Events(), Event, gcp.request(body, headers))
        assert (event.id, event.source, event.type, event.subject, event.data) == (
            ID, expected["source"], expected["type"], expected.get("subject"), expected["data"],
        )  # fmt: skip


def test_the_table_has_all_types():
    assert len(legacy.TYPES) == 18
    assert len(legacy.BACK) == 17
    assert legacy.BACK[f"{CLOUD}pubsub.topic.v1.messagePublished"] == "google.pubsub.topic.publish"


RESOURCES = {
    "pubsub": "projects/p/topics/t",
    "storage": "projects/_/buckets/b/objects/o",
    "firestore": "projects/p/databases/d/documents/c/1",
    "auth": "projects/p",
    "remoteConfig": "projects/p",
    "analytics": "projects/p/events/session_start",
    "database": "projects/_/instances/i/refs/r",
}


@pytest.mark.parametrize("kind", legacy.TYPES)
def test_every_type_has_a_way_there_and_back(kind):
    resource = next(value for word, value in RESOURCES.items() if word in kind)
    service = {"service": "storage.googleapis.com", "name": resource} if "storage" in kind else resource
    if kind == "google.pubsub.topic.publish":
        service = {"service": "pubsub.googleapis.com", "name": resource}
    told = {
        "eventId": ID, "timestamp": WHEN, "eventType": kind, "resource": service, "domain": "firebaseio.com",
        "data": {"uid": "u", "userDim": {"appInfo": {"appId": "android:x"}}},
    }  # fmt: skip
    event = legacy.to_cloudevent(told)
    assert event["type"] == legacy.TYPES[kind]
    returned = legacy.from_cloudevent(event)
    named = returned["context"]["resource"]
    assert (named["name"] if isinstance(named, dict) else named) == resource
    assert returned["data"] == told["data"]
    if "pubsub" not in kind:
        assert returned["context"]["eventType"] == kind


def test_analytics_is_as_the_page_says():
    told = {
        "eventId": ID, "timestamp": WHEN,
        "eventType": "providers/google.firebase.analytics/eventTypes/event.log",
        "resource": "projects/shop/events/session_start",
        "data": {"userDim": {"appInfo": {"appId": "android:shop"}}},
    }  # fmt: skip
    event = legacy.to_cloudevent(told)
    assert event["source"] == "//firebaseanalytics.googleapis.com/projects/shop/apps/android:shop"
    assert event["subject"] == "events/session_start"
    del told["data"]["userDim"]["appInfo"]
    with pytest.raises(EnvelopeError, match="appId"):
        legacy.to_cloudevent(told)


@given(st.text(min_size=1).filter(lambda name: "/" not in name), st.text(min_size=1))
def test_firestore_of_any_database(database, path):
    told = {
        "eventId": ID, "timestamp": WHEN, "data": {},
        "eventType": "providers/cloud.firestore/eventTypes/document.update",
        "resource": f"projects/p/databases/{database}/documents/{path}",
    }  # fmt: skip
    event = legacy.to_cloudevent(told)
    assert event["source"] == f"//firestore.googleapis.com/projects/p/databases/{database}"
    assert event["subject"] == f"documents/{path}"


@pytest.mark.parametrize(
    ("name", "subject"),
    [("a/b#17", "a/b"), ("a#b", "a#b"), ("a#1#22", "a#1"), ("objects/x", "objects/x"), ("#3", "")],
)
def test_the_generation_is_no_part_of_an_objects_name(name, subject):
    told = background(SHAPES["storage"])
    told["context"]["resource"]["name"] = f"projects/_/buckets/uploads/objects/{name}"
    assert legacy.to_cloudevent(told)["subject"] == f"objects/{subject}"


BROKEN = {
    "an unknown type": {"eventType": "providers/x"},
    "no resource's name": {"resource": {"service": "s"}},
    "no documents": {"resource": "projects/p"},
    "no domain": {
        "eventType": "providers/google.firebase.database/eventTypes/ref.write",
        "resource": "projects/_/instances/i/refs/r",
    },
    "a message that is none": {
        "eventType": "providers/cloud.pubsub/eventTypes/topic.publish", "data": "x",
    },
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_converted_is_refused(case, gcp, log):
    told = background(SHAPES["document"]) | BROKEN[case]
    assert gcp.serve({"f": (Events(), lambda event: None)})(gcp.request(told)).status == 400
    assert "PF330" in log[0][1]


@pytest.mark.parametrize(
    "told",
    [{"type": "com.example.x", "source": "//s/n"}, cloud(SHAPES["text message"]) | {"data": {}}],
)
def test_what_has_no_way_back_is_refused(told):
    with pytest.raises(EnvelopeError):
        legacy.from_cloudevent(told)


def test_background_events_reach_topics_and_buckets(see, gcp):
    (sent,) = see(Topic("news"), Message, gcp.request(background(SHAPES["text message"])))
    assert (sent.id, sent.text, sent.origin, sent.attributes) == (ID, "text", "news", {"a": "b"})
    (change,) = see(Storage("uploads"), ObjectChange, gcp.request(background(SHAPES["storage"])))
    assert (change.bucket, change.key, change.size) == ("uploads", "in/a.txt", 3)


@pytest.mark.parametrize(
    "told",
    [{"data": 1}, {"data": 1, "eventId": ID, "eventType": "x"}, {"context": 3, "data": 1}, [], "x"],
)
def test_a_callers_own_data_is_no_background_event(told):
    assert not legacy.is_background(told)
