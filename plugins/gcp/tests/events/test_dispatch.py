"""Which function a request is for: by its route, by its name's path, or by what came to `/`."""

import subprocess
import sys
from pathlib import Path

import pytest

import polyfn
import polyfn_gcp
from polyfn import Call, Events, Http, Queue, Request, Schedule, Storage, Stream, Topic, Trigger
from polyfn.errors import UnsupportedError

MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
FINALIZED = "google.cloud.storage.object.v1.finalized"


class Dream(Trigger):
    kind = "dream"
    __slots__ = ()


@pytest.fixture
def house(gcp):
    """Serve `triggers` by name; `ask(request)` tells which function ran, or the status if none did."""

    def make(**triggers):
        ran = []

        def handler(name):
            return lambda: ran.append(name)

        serve = gcp.serve({name: (trigger, handler(name)) for name, trigger in triggers.items()})

        def ask(request):
            ran.clear()
            status = serve(request).status
            return ran[0] if ran else status

        return ask

    return make


def eventarc(gcp, topic):
    headers = gcp.binary(type=MESSAGE_PUBLISHED, source=f"//pubsub.googleapis.com/projects/p/topics/{topic}")
    return gcp.request(gcp.push(), headers)


def stored(gcp, bucket, kind=FINALIZED):
    source = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    return gcp.request(b"{}", gcp.binary(type=kind, source=source, subject="objects/x"))


TICK = {"x-cloudscheduler": "true", "x-cloudscheduler-jobname": "nightly"}


@pytest.mark.parametrize("trigger", [Dream(), Stream("s")])
def test_another_kind_of_trigger_is_refused(gcp, trigger):
    with pytest.raises(UnsupportedError, match=trigger.kind) as raised:
        gcp.serve({"f": (trigger, lambda: None)})
    assert "queue" in raised.value.hint


class TestAtTheRoot:
    def test_one_function_takes_what_its_trigger_takes(self, house, gcp, log):
        """Names differ between environments, so one function alone is not held to its name."""
        ask = house(f=Queue("orders"))
        assert ask(gcp.request(b"", gcp.task(queuename="orders-staging"))) == "f"
        assert ask(gcp.request(gcp.push())) == "f"
        assert ask(gcp.request(b"", TICK)) == 400
        assert ask(stored(gcp, "b")) == 400

    def test_of_several_the_name_decides(self, house, gcp, log):
        ask = house(
            orders=Queue("orders"), audit=Queue("audit"), news=Topic("news"), nightly=Schedule("0 6 * * *"),
            hourly=Schedule("0 * * * *"), up=Storage("uploads"), gone=Storage("uploads", on="deleted"),
            any=Events(), made=Events("com.example.made"),
        )  # fmt: skip
        assert ask(gcp.request(b"", gcp.task(queuename="audit"))) == "audit"
        assert ask(gcp.request(b"", gcp.task(queuename="projects/p/locations/l/queues/orders"))) == "orders"
        assert ask(gcp.request(gcp.push(subscription="projects/p/subscriptions/audit"))) == "audit"
        assert ask(gcp.request(gcp.push(subscription="projects/p/subscriptions/news"))) == "news"
        assert ask(eventarc(gcp, "news")) == "news"
        assert ask(gcp.request(b"", TICK)) == "nightly"
        assert ask(stored(gcp, "uploads")) == "up"
        assert ask(stored(gcp, "uploads", "google.cloud.storage.object.v1.deleted")) == "gone"
        assert ask(gcp.request(b"1", gcp.binary())) == "made"
        assert ask(gcp.request(b"1", gcp.binary(type="com.example.other"))) == "any"
        assert log == []

    def test_a_catch_all_comes_before_another_name(self, house, gcp):
        ask = house(up=Storage("uploads"), any=Events())
        assert ask(stored(gcp, "uploads")) == "up"
        assert ask(stored(gcp, "backups")) == "any"

    def test_a_message_is_a_schedules_where_nothing_else_takes_messages(self, house, gcp):
        assert house(tick=Schedule("0 6 * * *"), news=Topic("news"))(gcp.request(gcp.push())) == "news"
        assert house(tick=Schedule("0 6 * * *"), up=Storage("b"))(gcp.request(gcp.push())) == "tick"

    def test_several_that_fit_alike_are_named_in_the_log(self, house, gcp, log):
        ask = house(one=Topic("a"), two=Topic("b"))
        assert ask(gcp.request(gcp.push())) == 400
        [(level, message, _, _)] = log
        assert level == "ERROR"
        assert "PF105" in message
        assert "2 functions would take it: one, two" in message
        assert "such as /one" in message

    def test_none_that_fits_is_said_in_the_log(self, house, gcp, log):
        ask = house(one=Topic("a"), two=Queue("b"))
        assert ask(gcp.request(b"1", gcp.binary())) == 400
        assert "a CloudEvent of type 'com.example.made' arrived at /, and no function" in log[0][1]

    def test_a_batch_is_sorted(self, gcp):
        ran = []
        serve = gcp.serve({
            "up": (Storage("uploads"), lambda event: ran.append("up")),
            "made": (Events("com.example.made"), lambda event: ran.append("made")),
        })  # fmt: skip
        common = {"specversion": "1.0", "id": "1", "data": {}}
        told = [
            common | {"source": "//s", "type": "com.example.made"},
            common
            | {
                "source": "//storage.googleapis.com/projects/_/buckets/uploads",
                "subject": "objects/x",
                "type": FINALIZED,
            },
        ]
        content = {"content-type": "application/cloudevents-batch+json"}
        assert serve(gcp.request(told, content)).status == 204
        assert sorted(ran) == ["made", "up"]


class TestByName:
    def test_its_path_is_always_its_own(self, house, gcp, log):
        ask = house(one=Topic("a"), two=Topic("b"), hello=Call())
        for name in ("one", "two"):
            assert ask(gcp.request(gcp.push(), path=f"/{name}")) == name
        assert ask(gcp.request(gcp.push(), path="/hello")) == "hello"
        assert ask(gcp.request(b"", TICK, path="/one")) == 400
        assert ask(gcp.request(gcp.push(), path="/three")) == 404

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
    def test_other_methods(self, gcp, method):
        reply = gcp.serve({"f": (Topic("a"), lambda: None)})(gcp.request(b"", method=method, path="/f"))
        assert (reply.status, reply.headers["allow"]) == (405, "POST, OPTIONS")

    def test_options(self, gcp):
        reply = gcp.serve({"f": (Topic("a"), lambda: None)})(gcp.request(b"", method="OPTIONS", path="/f"))
        assert (reply.status, reply.headers["allow"]) == (204, "POST, OPTIONS")


class TestBesideRoutes:
    def test_events_and_routes_share_a_service(self, house, gcp):
        ask = house(hello=Call(), show=Http("GET", "/orders/{id}"), orders=Queue("orders"))
        assert ask(gcp.request({"name": "Ada"})) == "hello"
        assert ask(gcp.request(b"", gcp.task())) == "orders"
        assert ask(gcp.request(gcp.push())) == "orders"
        assert ask(gcp.request(b"", method="GET", path="/orders/7")) == "show"
        assert ask(gcp.request(b"", method="POST", path="/orders/7")) == 405
        assert ask(gcp.request(b"", method="GET", path="/nothing")) == 404

    def test_without_functions_for_events_nothing_is_looked_at(self, house, gcp):
        ask = house(hello=Call())
        assert ask(gcp.request(b"", gcp.task())) == "hello"
        assert ask(gcp.request(b"{", {"content-type": "application/cloudevents+json"})) == "hello"

    def test_an_http_function_gets_the_request(self, gcp):
        def show(request: Request):
            return {"id": request.params["id"]}

        serve = gcp.serve({"show": (Http("GET", "/o/{id}"), show), "f": (Topic("a"), lambda: None)})
        reply = serve(gcp.request(b"", method="GET", path="/o/7"))
        assert (reply.status, reply.read()) == (200, b'{"id":"7"}')

    def test_a_route_for_another_method_stays_reachable(self, house, gcp):
        ask = house(front=Http("GET", "/"), any=Events())
        assert ask(gcp.request(b"", method="GET")) == "front"
        assert ask(gcp.request(b"1", gcp.binary())) == "any"
        assert ask(gcp.request(b"1", gcp.binary(), method="GET")) == "front"

    def test_a_path_that_only_begins_like_a_topics(self, house, gcp):
        ask = house(show=Http("POST", "/projects/{rest...}"), news=Topic("news"))
        assert ask(gcp.request(gcp.push(), path="/projects/p/things/t")) == "show"
        assert ask(gcp.request(gcp.push(), path="/projects/p/topics/news")) == "news"

    def test_a_broken_event_is_no_call(self, house, gcp, log):
        ask = house(hello=Call(), any=Events())
        assert ask(gcp.request(b"{}", {"ce-id": "1"})) == 400


ROOTS = [str(Path(polyfn.__file__).parent.parent), str(Path(polyfn_gcp.__file__).parent.parent)]
PROGRAM = """
import sys
sys.path[:0] = {roots!r}
import asyncio
before = set(sys.modules)
from polyfn.context import Context
from polyfn.functions import Declaration
from polyfn.http import Headers, Request
from polyfn.invoke import Invoker
from polyfn import {trigger}
from polyfn.runtime import threads
from polyfn_gcp.runtime.dispatch import dispatcher
async def f(): pass
serve = dispatcher([Invoker(Declaration("f", {made}, f))], {{}})
request = Request(method="POST", raw_path="/", headers=Headers({headers!r}), body={body!r})
reply = asyncio.run(serve(request, Context(request_id="r", function="f", provider="gcp")))
assert reply.status in (200, 204), reply.status
print(*sorted(set(sys.modules) - before))
"""
CE = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}
PUSH = b'{"message":{"messageId":"1"},"subscription":"projects/p/subscriptions/s"}'
EVENTS = {"answers", "dispatch", "verify"}


@pytest.mark.parametrize(
    ("made", "headers", "body", "wanted"),
    [
        ("Call()", {}, b"{}", {"dispatch"}),
        ("Http()", {}, b"{}", {"dispatch"}),
        ("Queue('q')", {"x-cloudtasks-queuename": "q"}, b"{}",
         EVENTS | {"cloudevents", "pubsub", "queues", "topics"}),
        ("Topic('t')", {}, PUSH, EVENTS | {"cloudevents", "pubsub", "topics"}),
        ("Events()", CE, b"{}", EVENTS | {"cloudevents", "events", "pubsub"}),
        ("Schedule('0 6 * * *')", {"x-cloudscheduler": "true"}, b"",
         EVENTS | {"cloudevents", "pubsub", "schedule"}),
    ],
)  # fmt: skip
def test_only_what_the_trigger_needs_is_imported(made, headers, body, wanted):
    program = PROGRAM.format(
        roots=ROOTS, trigger=made.partition("(")[0], made=made, headers=headers, body=body
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    modules = set(run.stdout.split())
    mine = {name.rpartition(".")[2] for name in modules if name.startswith("polyfn_gcp.runtime.")}
    assert mine == wanted
    others = {name.partition(".")[0] for name in modules} - {"polyfn", "polyfn_gcp"}
    # Beyond what the loop itself brings: nothing but C.
    assert {name for name in others if not name.startswith("_")} <= {"binascii"}
