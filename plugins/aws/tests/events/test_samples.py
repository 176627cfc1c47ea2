"""Samples: every one is taken by the trigger that it was made for, and carries the user's data."""

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
    Stream,
    Tick,
    Topic,
)
from polyfn.toolchain.manifest import FunctionEntry
from polyfn_aws.samples import sampler

DATA = {"id": 7, "name": "é"}


def samples(trigger, data=None):
    entry = FunctionEntry(
        name="f", module="m", handler="f", trigger=trigger.describe(), style="sync", arity=1, level="payload"
    )
    return sampler(entry, data)


@pytest.fixture
def seen(deliver):
    """The events that a handler of this type sees of each sample, by the sample's name."""

    def run(trigger, kind, data=None):
        collected = {}
        for sample in samples(trigger, data):
            events = []
            handler = _keep(events)
            handler.__annotations__["event"] = kind
            deliver(trigger, handler, sample.event)
            (collected[sample.name],) = events
        return collected

    return run


def _keep(events):
    def handler(event):
        events.append(event)

    return handler


def test_a_call_is_given_the_data_itself():
    assert [(sample.name, sample.event) for sample in samples(Call(), DATA)] == [("call", DATA)]
    assert samples(Call())[0].event == {"name": "world"}


def test_http_in_every_form(seen):
    got = seen(Http("POST", "/orders/{order_id}/{rest...}"), Request, DATA)
    assert list(got) == ["http-api", "rest", "alb", "function-url"]
    for request in got.values():
        assert (request.method, request.raw_path) == ("POST", "/orders/order_id/rest")
        assert request.params == {"order_id": "order_id", "rest": "rest"}
        assert (request.json(), request.content_type) == (DATA, "application/json")
        assert request.headers["content-length"] == str(len(request.body))
        assert (request.client, request.scheme) == ("203.0.113.7", "https")


def test_http_without_data_has_no_body_where_the_method_has_none(seen):
    for request in seen(Http("GET", "/x"), Request).values():
        assert (request.method, request.body, request.content_type) == ("GET", b"", None)
    for request in seen(Http(), Request, DATA).values():
        assert (request.method, request.raw_path, request.json()) == ("POST", "/", DATA)


def test_queue(seen):
    got = seen(Queue("orders"), Message, DATA)
    assert list(got) == ["sqs", "sqs-fifo"]
    assert [message.data for message in got.values()] == [DATA, DATA]
    assert [message.origin for message in got.values()] == ["orders", "orders.fifo"]
    assert (got["sqs"].attempt, got["sqs-fifo"].key) == (1, "group-1")


def test_a_text_is_sent_as_it_is(seen):
    assert seen(Queue("orders"), Message, "plain")["sqs"].text == "plain"


def test_topic(seen):
    (message,) = seen(Topic("news"), Message, DATA).values()
    assert (message.data, message.origin) == (DATA, "news")


def test_stream(seen):
    got = seen(Stream("clicks"), Message, DATA)
    assert list(got) == ["kinesis", "dynamodb", "kafka"]
    assert (got["kinesis"].data, got["kafka"].data) == (DATA, DATA)
    assert got["dynamodb"].payload["NewImage"] == {"id": {"N": "7"}, "name": {"S": "é"}}
    assert {message.origin for message in got.values()} == {"clicks"}
    assert got["kinesis"].time == got["kafka"].time == got["dynamodb"].time


@pytest.mark.parametrize("on", ["created", "deleted", "any"])
def test_storage(seen, log, on):
    got = seen(Storage("uploads", on=on), ObjectChange, {"key": "a b+ü.txt", "size": 3})
    assert list(got) == ["s3", "s3-eventbridge"]
    for change in got.values():
        assert (change.bucket, change.key) == ("uploads", "a b+ü.txt")
        assert change.change == ("deleted" if on == "deleted" else "created")
        assert change.size == (None if on == "deleted" else 3)
    assert log == []


def test_schedule(seen):
    got = seen(Schedule("0 6 * * *"), Tick)
    assert {tick.schedule for tick in got.values()} == {"every-morning"}
    assert {tick.time.isoformat() for tick in got.values()} == {"2026-01-15T06:00:00+00:00"}
    got = seen(Schedule("0 6 * * *"), Tick, DATA)
    assert next(iter(got.values())).data == DATA


def test_events(seen):
    (event,) = seen(Events("Order Placed", source="shop"), Event, DATA).values()
    assert (event.type, event.source, event.data) == ("Order Placed", "shop", DATA)
    assert seen(Events(), Event)["eventbridge"].data == {"name": "world"}


def test_an_unknown_trigger_has_no_samples():
    entry = FunctionEntry(
        name="f", module="m", handler="f", trigger={"kind": "dream"}, style="sync", arity=1, level="payload"
    )
    assert sampler(entry, None) == []


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=5,
    )
)
def test_every_sample_is_json(data):
    for trigger in (
        Call(),
        Http(),
        Queue("q"),
        Topic("t"),
        Stream("s"),
        Storage("b"),
        Schedule("0 6 * * *"),
        Events(),
    ):
        for sample in samples(trigger, data):
            assert json.loads(json.dumps(sample.event)) == sample.event
