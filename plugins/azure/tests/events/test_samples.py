"""Events that `polyfn invoke` sends: the host's encodings, and taken by the functions they are for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Call, Events, Http, Queue, Schedule, Storage, Stream, Topic
from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.samples import sampler
from polyfn_azure.samples.encoding import envelope, nested, promote

DATA = {"id": 7, "name": "é"}


def samples(trigger, data=None):
    entry = FunctionEntry(
        name="f", module="m", handler="f", trigger=trigger.describe(), style="sync", arity=1, level="payload"
    )
    return sampler(entry, data)


@pytest.fixture
def seen(azure):
    """What each sample's function sees, by the sample's name."""

    def run(trigger, data=None, **settings):
        got = {}
        for sample in samples(trigger, data):
            assert sample.event["function"] == "f"
            found = azure.decode(trigger, sample.event["Data"], sample.event["Metadata"], **settings)
            (got[sample.name],) = found if isinstance(found, list) else [found]
        return got

    return run


def test_call():
    (sample,) = samples(Call(), DATA)
    assert (sample.event["method"], sample.event["path"]) == ("POST", "/f")
    assert json.loads(sample.event["body"]) == DATA
    assert json.loads(samples(Call())[0].event["body"]) == {"name": "world"}


@pytest.mark.parametrize(
    ("trigger", "data", "method", "path", "body"),
    [
        (Http(), None, "GET", "/", None),
        (Http(), DATA, "POST", "/", '{"id":7,"name":"é"}'),
        (Http("PUT", "/o/{id}/{rest...}"), None, "PUT", "/o/id/rest", '{"name":"world"}'),
        (Http("DELETE", "/o"), "text", "DELETE", "/o", "text"),
    ],
)
def test_http(trigger, data, method, path, body):
    (sample,) = samples(trigger, data)
    assert (sample.event["method"], sample.event["path"], sample.event.get("body")) == (method, path, body)


def test_queue(seen):
    got = seen(Queue("orders"), DATA)
    assert list(got) == [
        "storage-queue", "storage-queue-text", "service-bus", "service-bus-text", "service-bus-batch",
    ]  # fmt: skip
    assert [message.payload for message in got.values()] == [DATA] * 5
    assert {message.attempt for message in got.values()} == {1}
    assert {message.origin for message in got.values()} == {"orders"}
    # The text's own `id` has replaced the host's, but MessageId it has not.
    assert [message.id is None for message in got.values()] == [False, True, False, False, False]
    assert len({message.time for message in got.values()}) == 1


def test_topic(seen):
    got = seen(Topic("news"), DATA)
    assert list(got) == [
        "service-bus", "service-bus-text", "service-bus-batch", "event-grid", "cloud-event",
    ]  # fmt: skip
    assert [message.payload for message in got.values()] == [DATA] * 5
    assert len({message.id for message in got.values()}) == 1


def test_stream(seen, azure):
    hub, feed = samples(Stream("shop/carts"), DATA)
    assert (hub.name, feed.name) == ("event-hub", "cosmos-db")
    (event,) = azure.decode(Stream("shop/carts"), hub.event["Data"], hub.event["Metadata"])
    assert (event.payload, event.id, event.key, event.sequence) == (DATA, "shop/carts-0@42", "sample", 42)
    told = azure.decode(Stream("shop/carts"), feed.event["Data"], feed.event["Metadata"], stream="cosmosdb")
    assert told[0].payload.items() >= DATA.items()
    assert told[0].sequence == 42


@pytest.mark.parametrize("on", ["created", "deleted", "any"])
def test_storage(seen, log, on):
    got = seen(Storage("uploads", on=on), {"key": "a b+ü.txt", "size": 3})
    assert list(got) == (["blob"] if on == "created" else []) + ["event-grid", "cloud-event"]
    for change in got.values():
        assert (change.bucket, change.key) == ("uploads", "a b+ü.txt")
        assert (change.change, change.size) == (("deleted", None) if on == "deleted" else ("created", 3))
    assert log == []


def test_schedule(seen):
    got = seen(Schedule("0 6 * * *"))
    assert list(got) == ["timer", "timer-without-status"]
    assert [tick.time is None for tick in got.values()] == [False, True]
    assert {tick.schedule for tick in got.values()} == {"f"}


def test_events(seen):
    got = seen(Events("com.shop.placed", source="//shop"), DATA)
    assert list(got) == ["event-grid", "cloud-event"]
    for event in got.values():
        assert (event.type, event.source, event.payload) == ("com.shop.placed", "//shop", DATA)


def test_an_unknown_trigger_has_no_samples():
    entry = FunctionEntry(
        name="f", module="m", handler="f", trigger={"kind": "dream"}, style="sync", arity=1, level="payload"
    )
    assert sampler(entry, None) == []


TRIGGERS = (
    Queue("q"), Topic("t"), Stream("d/c"), Storage("b"), Storage("b", on="any"), Schedule("0 6 * * *"),
    Events(),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=5,
)


@given(JSON)
def test_every_sample_is_an_envelope_in_json(data):
    for trigger in TRIGGERS:
        for sample in samples(trigger, data):
            assert json.loads(json.dumps(sample.event)) == sample.event
            assert set(sample.event) == {"function", "Data", "Metadata"}
            assert not [name for name in sample.event["Metadata"] if name.lower() == "queuetrigger"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"id": "x", "new": 1.5, "flag": true}', {"Id": '"x"', "new": '"1.5"', "flag": '"True"'}),
        ('{"sys": {"a": 1}, "list": [1], "none": null}', {"sys": {"a": 1}}),
        ('{"myTrigger": 1, "t": "2024-04-06T15:30:00Z"}', {"t": '"04/06/2024 15:30:00"'}),
        ("[1]", {}),
        ("text", {}),
    ],
)
def test_what_is_promoted(text, told):
    metadata = {"Id": '"1"'}
    promote(text, metadata)
    assert metadata == {"Id": '"1"'} | told


def test_values():
    assert [nested(one) for one in ("abc", 5, True, None, ["a"])] == ['"abc"', "5", "true", "null", '["a"]']
    assert (nested(b"\xff"), nested({"a": 1})) == ("/w==", {"a": 1})
    assert list(envelope("f", {}, {"queueTrigger": 1, "a": 2})["Metadata"]) == ["a", "sys"]
