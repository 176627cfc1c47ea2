"""CloudEvents over HTTP: every content mode, the SDK as an outside judge, what is malformed refused."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings import http as sdk
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Event, Events
from polyfn_gcp.runtime import cloudevents
from polyfn_gcp.samples import cloudevents as written

TOLD = {"specversion": "1.0", "id": "e1", "source": "//s", "type": "com.example.made"}


def structured(gcp, told, content_type="application/cloudevents+json; charset=utf-8"):
    return gcp.request(told, {"content-type": content_type})


class TestBinary:
    def test_every_attribute(self, see, gcp):
        headers = gcp.binary(
            subject="a%20b", time="2026-01-15T06:00:00.123456789Z", dataschema="https://s", traceparent="00-x"
        )
        (event,) = see(Events(), Event, gcp.request({"a": 1}, headers))
        assert (event.id, event.source, event.type, event.subject) == (
            "e1",
            "//s",
            "com.example.made",
            "a b",
        )
        assert event.time == datetime(2026, 1, 15, 6, 0, 0, 123456, UTC)
        assert event.attributes == {"specversion": "1.0", "dataschema": "https://s", "traceparent": "00-x"}
        assert (event.content_type, event.data) == ("application/json; charset=utf-8", {"a": 1})
        assert event.native.headers["ce-id"] == "e1"

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
            ("%e2%82%ac", "€"),
            ('"quoted \\"value\\""', 'quoted "value"'),
            ('"%22"', '"'),
            ("100%25", "100%"),
            ("%2520", "%20"),
            ("é".encode().decode("latin-1"), "é"),
            ("\xe9", "\xe9"),
        ],
    )
    def test_header_values_are_decoded_once(self, see, gcp, header, value):
        assert see(Events(), Event, gcp.request(b"", gcp.binary(subject=header)))[0].subject == value

    def test_protobuf_arrives_as_bytes(self, gcp):
        """A Firestore event, as Eventarc sends it."""
        seen = []

        def handler(event: bytes):
            seen.append(event)

        body = bytes(range(256))
        kind = "google.cloud.firestore.document.v1.written"
        headers = gcp.binary(type=kind, dataschema="https://x/data.proto") | {
            "content-type": "application/protobuf"
        }
        serve = gcp.serve({"f": (Events(kind), handler)})
        assert serve(gcp.request(body, headers)).status == 204
        assert seen == [body]

    def test_names_of_headers_have_no_case(self, see, gcp):
        headers = {name.upper(): value for name, value in gcp.binary(subject="x").items()}
        assert see(Events(), Event, gcp.request(b"", headers))[0].subject == "x"

    def test_no_data(self, see, gcp):
        (event,) = see(Events(), Event, gcp.request(b"", gcp.binary()))
        assert (event.raw, event.payload) == (b"", None)

    def test_version_0_3(self, see, gcp):
        assert see(Events(), Event, gcp.request(b"1", gcp.binary(specversion="0.3")))[0].data == 1


class TestStructured:
    def test_json_data(self, see, gcp):
        told = TOLD | {"data": {"a": [1]}, "subject": "s", "ext": 7, "flag": True, "none": None}
        (event,) = see(Events(), Event, structured(gcp, told))
        assert (event.data, event.subject, event.native) == ({"a": [1]}, "s", told)
        assert event.content_type == "application/json"
        assert event.attributes == {"specversion": "1.0", "ext": 7, "flag": True}

    @pytest.mark.parametrize(
        ("more", "raw", "content_type"),
        [
            ({"data_base64": "AAH/"}, b"\0\1\xff", None),
            ({"data_base64": "AAH/", "datacontenttype": "image/png"}, b"\0\1\xff", "image/png"),
            ({"data": "<a/>", "datacontenttype": "text/xml"}, b"<a/>", "text/xml"),
            ({"data": "text", "datacontenttype": "application/json"}, b'"text"', "application/json"),
            ({"data": {"a": 1}, "datacontenttype": "text/x"}, b'{"a":1}', "text/x"),
            ({"data": None}, b"null", "application/json"),
            ({}, b"", None),
            ({"datacontenttype": "application/vnd.x+json", "data": "t"}, b'"t"', "application/vnd.x+json"),
            ({"specversion": "0.3", "datacontentencoding": "base64", "data": "AAH/"}, b"\0\1\xff", None),
        ],
    )
    def test_other_data(self, see, gcp, more, raw, content_type):
        (event,) = see(Events(), Event, structured(gcp, TOLD | more))
        assert (event.raw, event.content_type) == (raw, content_type)

    @pytest.mark.parametrize(
        "content_type", ["application/cloudevents+json", "Application/CloudEvents+JSON ; charset=UTF-8"]
    )
    def test_the_media_type_decides(self, see, gcp, content_type):
        request = gcp.request(TOLD, {"content-type": content_type, "ce-id": "another"})
        assert see(Events(), Event, request)[0].id == "e1"


class TestBatch:
    CONTENT = "application/cloudevents-batch+json"

    def test_each_event_is_one_call(self, see, gcp):
        told = [TOLD | {"id": f"e{number}", "data": number} for number in range(3)]
        seen = see(Events(), Event, structured(gcp, told, self.CONTENT))
        assert [(event.id, event.data) for event in seen] == [("e0", 0), ("e1", 1), ("e2", 2)]

    def test_an_empty_batch_is_done(self, see, gcp):
        assert see(Events(), Event, structured(gcp, [], self.CONTENT)) == []

    def test_messages_of_a_batch_come_together(self, gcp):
        from polyfn import Batch, Topic

        seen = []

        def handler(batch: Batch):
            seen.append([message.text for message in batch])

        told = [
            TOLD
            | {
                "id": text,
                "type": "google.cloud.pubsub.topic.v1.messagePublished",
                "source": "//pubsub.googleapis.com/projects/p/topics/news",
                "data": {"message": {"data": base64.b64encode(text.encode()).decode()}},
            }
            for text in "ab"
        ]
        assert gcp.serve({"f": (Topic("news"), handler)})(structured(gcp, told, self.CONTENT)).status == 204
        assert seen == [["a", "b"]]


SECRET = "s3cr3t-value"
MALFORMED = {
    "no id": ({"ce-specversion": "1.0", "ce-source": SECRET, "ce-type": "t"}, b"{}", 400),
    "an empty id": ({"ce-specversion": "1.0", "ce-id": "", "ce-source": "s", "ce-type": "t"}, b"", 400),
    "only an id": ({"ce-id": SECRET}, SECRET.encode(), 400),
    "another version": (
        {"ce-specversion": SECRET, "ce-id": "1", "ce-source": "s", "ce-type": "t"}, b"", 400,
    ),
    "not JSON": ({"content-type": "application/cloudevents+json"}, SECRET.encode(), 400),
    "not UTF-8": ({"content-type": "application/cloudevents+json"}, b'{"id":"\xff"}', 400),
    "an array": ({"content-type": "application/cloudevents+json"}, json.dumps([TOLD]).encode(), 400),
    "no batch": ({"content-type": "application/cloudevents-batch+json"}, json.dumps(TOLD).encode(), 400),
    "a batch of texts": ({"content-type": "application/cloudevents-batch+json"}, b'["s3cr3t-value"]', 400),
    "another format": ({"content-type": "application/cloudevents+avro"}, SECRET.encode(), 415),
    "no format": ({"content-type": "application/cloudevents"}, SECRET.encode(), 415),
    "a number for an id": (
        {"content-type": "application/cloudevents+json"}, json.dumps(TOLD | {"id": 7}).encode(), 400,
    ),
    "a number for a subject": (
        {"content-type": "application/cloudevents+json"}, json.dumps(TOLD | {"subject": 7}).encode(), 400,
    ),
    "two payloads": (
        {"content-type": "application/cloudevents+json"},
        json.dumps(TOLD | {"data": SECRET, "data_base64": "AA=="}).encode(), 400,
    ),
    "bad Base64": (
        {"content-type": "application/cloudevents+json"},
        json.dumps(TOLD | {"data_base64": SECRET}).encode(), 400,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_malformed_is_refused_and_echoed_nowhere(gcp, log, case):
    headers, body, status = MALFORMED[case]
    called = []
    reply = gcp.serve({"f": (Events(), lambda event: called.append(event))})(gcp.request(body, headers))
    assert (reply.status, called) == (status, [])
    assert SECRET.encode() not in reply.read()
    [(level, message, error, _)] = log
    assert (level, error) == ("ERROR", None)
    assert message.startswith("refused: PF330: ")
    assert SECRET not in message


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,19}", fullmatch=True).filter(
    lambda name: (
        name
        not in ("id", "source", "type", "subject", "time", "specversion", "data", "datacontenttype",
                "dataschema", "datacontentencoding", "schemaurl")
    )
)  # fmt: skip
#: CloudEvents' String: no control characters, no surrogates (1.0, 3.1). Not only blanks, which some
#: HTTP libraries would cut off.
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="￾￿"), min_size=1)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ATTRIBUTES = st.fixed_dictionaries(
    {"id": TEXTS, "source": TEXTS, "type": TEXTS},
    optional={
        "subject": TEXTS,
        "time": st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    },
)
EXTENSIONS = st.dictionaries(NAMES, TEXTS, max_size=3)


def as_sdk(attributes, extensions, data, content_type):
    """The SDK's event. It makes up a time where none is given, so it is asked which."""
    event = CloudEvent(
        attributes | extensions | {"specversion": "1.0", "datacontenttype": content_type}, data
    )
    attributes["time"] = event.get_time()
    return event


def same(event, attributes, extensions):
    assert (event.id, event.source, event.type) == tuple(
        attributes[name] for name in ("id", "source", "type")
    )
    assert event.subject == attributes.get("subject")
    assert event.time == attributes.get("time")
    assert {k: v for k, v in event.attributes.items() if k != "specversion"} == extensions


def read_one(message):
    headers = {name.lower(): value for name, value in message.headers.items()}
    mode = cloudevents.mode_of(headers)
    return cloudevents.read(mode, headers, message.body, message)[0]


# Objects alone: of anything else the SDK writes Python's str() in binary mode.
@given(ATTRIBUTES, EXTENSIONS, st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_the_sdks_binary_events_are_read(attributes, extensions, data):
    message = sdk.to_binary_event(as_sdk(attributes, extensions, data, "application/json"))
    event = read_one(message)
    same(event, attributes, extensions)
    assert event.payload == data


@given(ATTRIBUTES, EXTENSIONS, st.binary(min_size=1))
def test_the_sdks_binary_events_of_bytes_are_read(attributes, extensions, data):
    message = sdk.to_binary_event(as_sdk(attributes, extensions, data, "application/octet-stream"))
    event = read_one(message)
    same(event, attributes, extensions)
    assert event.raw == data


@given(ATTRIBUTES, EXTENSIONS, JSON.filter(lambda data: data is not None))
def test_the_sdks_structured_events_are_read(attributes, extensions, data):
    event = read_one(sdk.to_structured_event(as_sdk(attributes, extensions, data, "application/json")))
    same(event, attributes, extensions)
    assert event.payload == data


@given(ATTRIBUTES, EXTENSIONS, st.binary(min_size=1))
def test_the_sdks_structured_events_of_bytes_are_read(attributes, extensions, data):
    event = read_one(
        sdk.to_structured_event(as_sdk(attributes, extensions, data, "application/octet-stream"))
    )
    same(event, attributes, extensions)
    assert event.raw == data


@given(ATTRIBUTES, EXTENSIONS, JSON.filter(lambda data: data is not None))
def test_the_sdk_reads_what_the_samples_write(attributes, extensions, data):
    told = {"specversion": "1.0", **attributes, **extensions, "datacontenttype": "application/json"}
    if "time" in told:
        told["time"] = told["time"].isoformat().replace("+00:00", "Z")
    told["data"] = data
    for headers, body in (written.binary(told), written.structured(told)):
        event = sdk.from_http_event(sdk.HTTPMessage(dict(headers), body))
        assert (event.get_id(), event.get_source(), event.get_type()) == (
            told["id"],
            told["source"],
            told["type"],
        )
        assert event.get_subject() == attributes.get("subject")
        assert "time" not in attributes or event.get_time() == attributes["time"]
        assert {name: event.get_extension(name) for name in extensions} == extensions
        assert event.get_data() == data


@given(ATTRIBUTES, st.binary())
def test_what_the_samples_write_is_read(attributes, data):
    told = {"specversion": "1.0", **attributes, "data_base64": base64.b64encode(data).decode()}
    if "time" in told:
        told["time"] = told["time"].isoformat()
    for headers, body in (written.binary(told), written.structured(told), written.batch([told])):
        low = dict(headers)
        (event,) = cloudevents.read(cloudevents.mode_of(low), low, body, None)
        same(event, attributes, {})
        assert event.raw == data


@given(st.text())
def test_any_header_value_is_decoded(text):
    assert isinstance(cloudevents.decode_value(text), str)


@given(st.dictionaries(st.sampled_from([*TOLD, "data", "data_base64", "time", "x"]), JSON))
def test_any_object_is_read_or_refused(told):
    from polyfn_gcp.runtime.verify import EnvelopeError

    try:
        event = cloudevents.from_object(told)
    except EnvelopeError:
        return
    assert event.id
    assert isinstance(event.raw, bytes)
