"""What `invoke` sends, what satisfies each sender, and what it sends again."""

import json
import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.emulation.request_event import RequestEvent, request_event
from polyfn.toolchain.errors import EventFileError
from polyfn_gcp.emulator.senders import CLIENT, EVENTARC, PUBSUB, SCHEDULER, TASKS, sender_of

PUSH = {
    "headers": [["content-type", "application/json"], ["user-agent", "CloudPubSub-Google"]],
    "body": json.dumps(
        {"message": {"data": "aGk=", "messageId": "1"}, "subscription": "projects/p/subscriptions/s"}
    ),
}
DEAD_LETTER = {**PUSH, "body": PUSH["body"][:-1] + ', "deliveryAttempt": 3}'}
TASK = {
    "headers": [
        ["x-cloudtasks-queuename", "q"], ["x-cloudtasks-taskretrycount", "2"],
        ["x-cloudtasks-taskexecutioncount", "1"],
    ],
    "body": "{}",
}  # fmt: skip
TICK = {"headers": [["X-CloudScheduler", "true"]]}
STORAGE = {"headers": [["ce-specversion", "1.0"], ["ce-type", "google.cloud.storage.object.v1.finalized"]]}
STRUCTURED = {"headers": [["Content-Type", "application/cloudevents+json; charset=utf-8"]], "body": "{}"}
PLAIN = {"method": "GET", "path": "/x"}


def answering(*statuses, headers=()):
    """A container that answers with these statuses in turn, and logs what it was sent."""
    return f"""
        statuses = {list(statuses)!r}
        def handler(request):
            sent = [request.method, request.target, request.headers, request.body().decode("latin-1")]
            print("SENT " + json.dumps(sent), flush=True)
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            request.reply("answer", status, {list(headers)!r})
        serve(handler)
        """


def sent(bench):
    return [json.loads(line[5:]) for line in bench.log if line.startswith("SENT ")]


def invoked(bench, run, event, *statuses, headers=(), **options):
    async def work():
        image = bench.image(answering(*statuses, headers=headers))
        async with bench.emulate(image, options=options) as emulator:
            return await emulator.invoke(json.dumps(event).encode())

    return run(work())


@pytest.mark.parametrize(
    ("event", "sender"),
    [
        (PUSH, PUBSUB), (DEAD_LETTER, PUBSUB), (TASK, TASKS), (TICK, SCHEDULER), (STORAGE, EVENTARC),
        (STRUCTURED, EVENTARC), (PLAIN, CLIENT),
        ({"headers": [["x-goog-pubsub-subscription-name", "s"]]}, PUBSUB),
        ({"headers": [["User-Agent", "Google-Cloud-Tasks"]]}, TASKS),
        ({"headers": [["User-Agent", "Google-Cloud-Scheduler"]]}, SCHEDULER),
        ({"body": {"message": "text", "subscription": "s"}}, CLIENT),
        ({"body": "[1]"}, CLIENT),
    ],
)  # fmt: skip
def test_who_sends_it(event, sender):
    assert sender_of(request_event(json.dumps(event).encode())) is sender


@pytest.mark.parametrize(
    ("event", "good", "bad"),
    [
        (PUSH, (200, 201, 202, 204), (206, 301, 400, 404, 429, 500, 503)),
        (STORAGE, (200, 204), (206, 400, 500)),
        (TASK, (200, 206, 299), (301, 400, 404, 503)),
        (TICK, (200, 204, 206), (400, 500)),
        (PLAIN, (200, 301, 400, 404, 429), (500, 503)),
    ],
)
def test_what_satisfies_whom(bench, run, event, good, bad):
    async def work():
        statuses = (*good, *bad)
        async with bench.emulate(bench.image(answering(*statuses))) as emulator:
            return [await emulator.invoke(json.dumps(event).encode()) for _ in statuses]

    answers = run(work())
    assert [one.status for one in answers] == [*good, *bad]
    assert [one.error is None for one in answers] == [True] * len(good) + [False] * len(bad)
    sender = sender_of(request_event(json.dumps(event).encode())).name
    assert answers[-1].error == f"{sender} does not take {bad[-1]} for success"
    assert answers[0].report["sender"] == sender


def test_the_answer_and_its_report(bench, run):
    answer = invoked(bench, run, {**PLAIN, "headers": [["User-Agent", "me"]]}, 404)
    assert (answer.payload, answer.status, answer.error) == (b"answer", 404, None)
    (delivery,) = answer.report["deliveries"]
    assert (delivery["attempt"], delivery["status"], delivery["acknowledged"]) == (1, 404, True)
    assert 0 < delivery["seconds"] < 30
    assert answer.report["acknowledged"] is True
    assert any(" 404 6 B " in line and " me " in line for line in answer.report["log"])


def test_what_the_front_adds_is_kept_where_an_event_has_it(bench, run):
    trace = "0123456789abcdef0123456789abcdef"
    told = [
        ["host", "sample.run.app"], ["x-forwarded-for", "203.0.113.7"], ["x-forwarded-proto", "https"],
        ["traceparent", f"00-{trace}-00f067aa0ba902b7-01"], ["x-a", "1"], ["X-A", "2"],
    ]  # fmt: skip
    invoked(bench, run, {**PLAIN, "headers": told}, 200)
    ((method, target, headers, body),) = sent(bench)
    assert (method, target, body) == ("GET", "/x", "")
    assert headers[: len(told)] == told
    names = [name for name, _ in headers[len(told) :]]
    assert names == ["Forwarded", "X-Cloud-Trace-Context"]
    assert headers[-1][1].startswith(f"{trace}/")


def test_bodies(bench, run):
    events = [
        {"body": "t\u00e9xt"}, {"body_base64": b64encode(b"\xff\x00").decode()}, {"body": {"a": "\u00e9"}},
        {"method": "POST"}, {"body": ""},
    ]  # fmt: skip

    async def work():
        async with bench.emulate(bench.image(answering(200))) as emulator:
            for event in events:
                await emulator.invoke(json.dumps(event).encode())

    run(work())
    bodies = [(request[3].encode("latin-1"), dict(request[2])["Content-Length"]) for request in sent(bench)]
    assert bodies == [
        ("t\u00e9xt".encode(), "5"), (b"\xff\x00", "2"), ('{"a":"\u00e9"}'.encode(), "10"),
        (b"", "0"), (b"", "0"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "not an object"),
        (b'{"verb": "GET"}', "unknown key 'verb'"),
        (b'{"method": "GET /"}', "method is 'GET /'"),
        (b'{"path": "x"}', "path is 'x'"),
        (b'{"path": "/a b"}', "path is '/a b'"),
        (b'{"headers": "a: b"}', "not a list"),
        (b'{"headers": [["a", 1]]}', "is not .name, value."),
        (b'{"headers": [["a", "b\\r\\nc: d"]]}', "is not .name, value."),
        (b'{"headers": [["a b", "c"]]}', "is not .name, value."),
        (b'{"headers": [["", "c"]]}', "is not .name, value."),
        (b'{"body_base64": "?"}', "not base64"),
        (b'{"body_base64": 1}', "not base64"),
        (b'{"body": "", "body_base64": ""}', "both body and body_base64"),
    ],
)
def test_what_is_no_event(bench, run, event, words):
    async def work():
        async with bench.emulate(bench.image(answering(200))) as emulator:
            await emulator.invoke(event)

    with pytest.raises(EventFileError, match=words):
        run(work())


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["method", "path", "headers", "body", "body_base64", "x"]) | st.text(), inner
            )
        ),
    )
)
def test_any_json_is_an_event_or_none(told):
    try:
        event = request_event(json.dumps(told).encode())
    except EventFileError:
        return
    assert isinstance(event, RequestEvent)


def test_pubsub_sends_it_again_until_it_is_acknowledged(bench, run):
    answer = invoked(bench, run, DEAD_LETTER, 500, 400, 204, redrive="5")
    assert answer.error is None
    assert answer.status == 204
    assert [json.loads(body)["deliveryAttempt"] for _, _, _, body in sent(bench)] == [3, 4, 5]
    told = [(one["attempt"], one["status"], one["acknowledged"]) for one in answer.report["deliveries"]]
    assert told == [(1, 500, False), (2, 400, False), (3, 204, True)]


def test_without_a_dead_letter_topic_no_attempt_is_counted(bench, run):
    answer = invoked(bench, run, PUSH, 500, redrive="3")
    assert answer.error == "Pub/Sub does not take 500 for success"
    assert [body for _, _, _, body in sent(bench)] == [PUSH["body"]] * 3
    assert len(answer.report["deliveries"]) == 3


def test_tasks_count_retries_and_executions(bench, run):
    answer = invoked(bench, run, TASK, 503, 404, 200, headers=[("Retry-After", "0")], redrive="9")
    assert answer.error is None
    names = ("retrycount", "executioncount", "previousresponse")
    seen = []
    for _, _, headers, _ in sent(bench):
        found = {name.lower(): value for name, value in headers}
        seen.append([found.get(f"x-cloudtasks-task{name}") for name in names])
    assert seen == [["2", "1", None], ["3", "1", "503"], ["4", "2", "404"]]


@pytest.mark.parametrize(("event", "least", "most"), [(TASK, 0.9, 5), (PUSH, 0, 0.9)])
def test_only_tasks_obey_retry_after_which_is_shortened(bench, run, event, least, most):
    async def work():
        image = bench.image(answering(503, 200, headers=[("Retry-After", "3600")]))
        async with bench.emulate(image, options={"redrive": "2"}) as emulator:
            await bench.until(lambda: bench.having("probe succeeded"))
            begin = time.monotonic()
            answer = await emulator.invoke(json.dumps(event).encode())
            return answer, time.monotonic() - begin

    answer, took = run(work())
    assert answer.report["deliveries"][0]["retry_after"] == 3600
    assert least <= took < most


def test_a_client_sends_nothing_twice(bench, run):
    answer = invoked(bench, run, PLAIN, 500, redrive="5")
    assert answer.error == "HTTP does not take 500 for success"
    assert len(sent(bench)) == 1


def test_an_answer_that_is_cut_off_satisfies_nobody(bench, run):
    source = """
        def handler(request):
            request.start()
            request.send(b"some")
            os._exit(1)
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source), options={"redrive": "2"}) as emulator:
            return await emulator.invoke(json.dumps(PUSH).encode())

    answer = run(work())
    assert answer.payload == b"some"
    assert answer.error == "Pub/Sub had an answer that was cut off (200)"
    assert [one["acknowledged"] for one in answer.report["deliveries"]] == [False, False]


def test_the_deadline_is_no_acknowledgement(bench, run):
    async def work():
        source = "serve(lambda request: time.sleep(1))"
        async with bench.emulate(bench.image(source), timeout=0.2) as emulator:
            return await emulator.invoke(json.dumps(PUSH).encode())

    assert run(work()).status == 504
