"""Requests that `polyfn invoke` sends: Google's shapes, and taken by the functions they are for."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import (
    Call,
    Event,
    Events,
    Http,
    Message,
    ObjectChange,
    Queue,
    Request,
    Schedule,
    Storage,
    Tick,
    Topic,
)
from polyfn.toolchain.manifest import FunctionEntry
from polyfn_gcp.samples import sampler

DATA = {"id": 7, "name": "é"}


def samples(trigger, data=None):
    entry = FunctionEntry(
        name="f", module="m", handler="f", trigger=trigger.describe(), style="sync", arity=1, level="payload"
    )
    return sampler(entry, data)


def sent(gcp, event):
    body = (
        base64.b64decode(event["body_base64"]) if "body_base64" in event else event.get("body", "").encode()
    )
    return gcp.request(body, event["headers"], method=event["method"], path=event["path"])


@pytest.fixture
def seen(see, gcp):
    """What each sample's function sees, by the sample's name."""

    def run(trigger, kind, data=None):
        got = {}
        for sample in samples(trigger, data):
            (got[sample.name],) = see(trigger, kind, sent(gcp, sample.event))
        return got

    return run


@pytest.mark.parametrize("data", [None, DATA, [1], "text", 3])
def test_call(gcp, data):
    (sample,) = samples(Call(), data)
    reply = gcp.serve({"f": (Call(), lambda event: event)})(sent(gcp, sample.event))
    assert json.loads(reply.read()) == ({"name": "world"} if data is None else data)


@pytest.mark.parametrize(
    ("trigger", "data", "method", "path", "body"),
    [
        (Http(), None, "GET", "/", b""),
        (Http(), DATA, "POST", "/", '{"id":7,"name":"é"}'.encode()),
        (Http("PUT", "/o/{id}/{rest...}"), None, "PUT", "/o/id/rest", b'{"name":"world"}'),
        (Http("DELETE", "/o"), DATA, "DELETE", "/o", '{"id":7,"name":"é"}'.encode()),
    ],
)
def test_http(gcp, trigger, data, method, path, body):
    got = []

    def handler(request: Request):
        got.append(request)

    (sample,) = samples(trigger, data)
    assert gcp.serve({"f": (trigger, handler)})(sent(gcp, sample.event)).status == 204
    assert (got[0].method, got[0].raw_path, got[0].body) == (method, path, body)


def test_topic(seen):
    got = seen(Topic("news"), Message, DATA)
    assert list(got) == ["pubsub-push", "pubsub-unwrapped", "eventarc", "background"]
    assert [message.data for message in got.values()] == [DATA] * 4
    assert len({message.id for message in got.values()}) == 1
    assert len({message.time for message in got.values()}) == 1
    assert [message.origin for message in got.values()] == [None, None, "news", "news"]


def test_queue(seen):
    got = seen(Queue("orders"), Message, DATA)
    assert list(got) == ["cloud-tasks", "pubsub-push", "pubsub-unwrapped"]
    assert [message.data for message in got.values()] == [DATA] * 3
    assert {message.origin for message in got.values()} == {"orders"}
    assert got["cloud-tasks"].attempt == 1
    assert len({message.time for message in got.values()}) == 1


def test_a_text_is_sent_as_it_is(seen):
    assert {message.text for message in seen(Queue("orders"), Message, "plain").values()} == {"plain"}


@pytest.mark.parametrize("on", ["created", "deleted", "any"])
def test_storage(seen, log, on):
    got = seen(Storage("uploads", on=on), ObjectChange, {"key": "a b+ü.txt", "size": 3})
    assert list(got) == ["eventarc", "pubsub-notification", "background"]
    for change in got.values():
        assert (change.bucket, change.key, change.size) == ("uploads", "a b+ü.txt", 3)
        assert change.change == ("deleted" if on == "deleted" else "created")
        assert change.version == "1768456800123456"
    assert log == []


def test_schedule(seen):
    got = seen(Schedule("0 6 * * *"), Tick)
    assert list(got) == ["cloud-scheduler", "pubsub-push"]
    assert (got["cloud-scheduler"].schedule, got["cloud-scheduler"].payload) == ("f", None)
    assert [tick.data for tick in seen(Schedule("0 6 * * *"), Tick, DATA).values()] == [DATA, DATA]


def test_events(seen):
    got = seen(Events("com.shop.placed", source="//shop"), Event, DATA)
    assert list(got) == ["binary", "structured", "batch"]
    for event in got.values():
        assert (event.type, event.source, event.data) == ("com.shop.placed", "//shop", DATA)
    assert {event.data["name"] for event in seen(Events(), Event).values()} == {"world"}


def test_an_unknown_trigger_has_no_samples():
    entry = FunctionEntry(
        name="f", module="m", handler="f", trigger={"kind": "dream"}, style="sync", arity=1, level="payload"
    )
    assert sampler(entry, None) == []


TRIGGERS = (
    Call(), Http(), Queue("q"), Topic("t"), Storage("b"), Schedule("0 6 * * *"), Events(),
)  # fmt: skip


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=5,
    )
)
def test_every_sample_is_a_request_in_json(data):
    for trigger in TRIGGERS:
        for sample in samples(trigger, data):
            event = sample.event
            assert json.loads(json.dumps(event)) == event
            assert set(event) <= {"method", "path", "headers", "body", "body_base64"}
            assert event["path"].startswith("/")
            for name, value in event["headers"]:
                assert name == name.lower()
                assert value.isascii()
                assert value.isprintable()
