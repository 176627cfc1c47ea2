"""Samples and broken envelopes through the dispatcher: the reply that the host gets, and what is logged."""

import asyncio
import json

import pytest

from polyfn import Batch, Event, Events, Message, ObjectChange, Queue, Schedule, Storage, Stream, Tick, Topic
from polyfn.context import Context
from polyfn.functions import Declaration
from polyfn.http import Headers, Request
from polyfn.invoke import Invoker
from polyfn.runtime import threads
from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.runtime.dispatch import dispatcher
from polyfn_azure.samples import sampler

DATA = {"id": 7, "name": "é"}
KINDS = [
    (Queue("orders"), Message, {}),
    (Topic("news"), Message, {}),
    (Stream("readings"), Message, {}),
    (Stream("shop/carts"), Message, {"stream": "cosmosdb"}),
    (Storage("uploads"), ObjectChange, {}),
    (Storage("uploads", on="any"), ObjectChange, {}),
    (Schedule("0 6 * * *"), Tick, {}),
    (Events(), Event, {}),
]


@pytest.fixture(autouse=True, scope="module")
def inline():
    """Sync handlers run on the loop: a loop per request would leave threads behind."""
    threads.use(1, on_loop=True)
    yield
    threads.use(threads.LIMIT)


@pytest.fixture
def post():
    """POST an envelope to the function `f`, as the host does; the status and the reply's JSON."""

    def run(trigger, handler, body, **settings):
        serve = dispatcher([Invoker(Declaration("f", trigger, handler))], settings)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "content-type": "application/json",
            "x-azure-functions-invocationid": "i-1",
            "host": "127.0.0.1:1",
        }
        request = Request(method="POST", raw_path="/f", headers=Headers(list(headers.items())), body=raw)

        async def once():
            return await serve(request, Context(request_id="i-1", function="app", provider="azure"))

        reply = asyncio.run(once())
        return reply.status, json.loads(reply.read())

    return run


def envelopes(trigger, data=DATA):
    entry = FunctionEntry(
        name="f", module="m", handler="f", trigger=trigger.describe(), style="sync", arity=1, level="event"
    )
    for sample in sampler(entry, data):
        yield sample.name, {"Data": sample.event["Data"], "Metadata": sample.event["Metadata"]}


@pytest.mark.parametrize(("trigger", "kind", "settings"), KINDS, ids=repr)
def test_every_sample_is_served(post, log, trigger, kind, settings):
    for name, body in envelopes(trigger):
        if name == ("event-hub" if settings else "cosmos-db"):
            continue
        seen = []

        def handler(event, seen=seen):
            seen.append(event)

        handler.__annotations__["event"] = kind
        status, reply = post(trigger, handler, body, **settings)
        assert (name, status, reply.get("Outputs")) == (name, 200, None)
        assert [type(event) for event in seen] == [kind]
    assert log == []


def test_a_batch(post):
    seen = []

    def handler(batch: Batch):
        seen.extend(message.payload for message in batch)

    body = dict(envelopes(Queue("orders")))["service-bus-batch"]
    assert post(Queue("orders"), handler, body)[0] == 200
    assert seen == [DATA]


@pytest.mark.parametrize(("trigger", "kind", "settings"), KINDS, ids=repr)
@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"[]", b"{}", {"Data": []}, {"Data": {}}, {"Data": {"x": None}}, {"Data": {"x": "{"}},
        {"Data": {"x": "plain text"}}, {"Data": {"x": {"secret": 1}}}, {"Data": {"x": '"a'}, "Metadata": []},
        {"Data": {"x": {"Schedule": 1, "IsPastDue": 1, "eventType": 1, "subject": 1}}},
        {"Data": {"x": {"specversion": 1, "type": 1, "Url": "", "Method": ""}}},
    ],
)  # fmt: skip
def test_what_cannot_be_read_fails_and_says_why(post, log, trigger, kind, settings, body):
    called = []
    status, reply = post(trigger, lambda event: called.append(event), body, **settings)
    if status == 200:  # a timer takes what is a timer, whatever else it is
        assert (trigger.kind, len(called)) == ("schedule", 1)
        return
    # To the host every status but 2xx is a failure.
    assert (status, called, reply.get("status")) == (400, [], 400)
    assert [line[1].split(":")[:2] for line in log] in ([["refused", " PF340"]], [["refused", " PF105"]])
    assert "secret" not in log[0][1]
    assert "refused" not in json.dumps(reply)
