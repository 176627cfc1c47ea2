"""From a request to the answer that the host understands: outcomes, outputs and HTTP in the envelope."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyfn
from polyfn.context import Context
from polyfn.errors import UnsupportedError
from polyfn.functions import Declaration
from polyfn.http import Headers, HTTPError, Request, Response
from polyfn.invoke import Invoker
from polyfn.runtime import logs, threads
from polyfn.triggers import Call, Events, Http, Queue, Schedule, Storage, Stream, Topic, Trigger
from polyfn_azure.runtime.dispatch import dispatcher
from polyfn_azure.runtime.native import Native
from polyfn_azure.runtime.transport import INVOCATION_ID, MARK

#: What envelopes are known to hold.
NAMES = st.sampled_from((
    "message", "messages", "timer", "blob", "event", "req", "Url", "Method", "Headers", "Query",
    "Body", "sys", "Id", "DequeueCount", "PopReceipt", "LockToken", "DeliveryCount", "MessageId",
    "MessageIdArray", "Uri", "PartitionContext", "OffsetArray", "RetryContext", "RetryCount",
    "IsPastDue", "Schedule", "Source", "Content", "specversion", "type", "source", "id", "data",
    "eventType", "subject", "topic", "Properties",
))  # fmt: skip
AUDIT = {"outputs": [{"name": "audit", "type": "queue"}]}
TIMER = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}


@pytest.fixture(autouse=True, scope="module")
def inline():
    """Sync handlers run on the loop: a loop per request would leave threads behind."""
    threads.use(1, on_loop=True)
    yield
    threads.use(threads.LIMIT)


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(logs, "sink", lambda *line: lines.append(line))
    return lines


def request_of(path, body=b"", *, method="POST", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return Request(method=method, raw_path=path, headers=named, body=raw)


def new_serve(served, /, **settings):
    invokers = [Invoker(Declaration(name, *made)) for name, made in served.items()]
    serve = dispatcher(invokers, settings)

    async def once(request):
        context = Context(request_id="5c1a", function="app", provider="azure", native=Native(request))
        return await serve(request, context)

    return lambda request: asyncio.run(once(request))


def invoke(trigger, handler, data, metadata=None, **settings):
    """The reply to an envelope for one function `f`."""
    told = {"Data": data, "Metadata": metadata or {}}
    return new_serve({"f": (trigger, handler)}, **settings)(request_of("/f", told, **{INVOCATION_ID: "5c1a"}))


def over_http(handler, method="GET", url="http://h/f", trigger=None, own=None, **over):
    """The http output of an envelope for an HTTP function, and the whole answer."""
    made = {"Url": url, "Method": method, "Query": {}, "Headers": {}, "Params": {}} | over
    settings = {"transport": "envelope", "functions": {"f": own or {}}}
    reply = invoke(trigger or Http(), handler, {"req": made}, **settings)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json; charset=utf-8")
    told = json.loads(reply.body)
    assert (told["Logs"], told["ReturnValue"]) == ([], None)
    return told["Outputs"]["res"], told["Outputs"]


def raising(error):
    def handler(event: polyfn.Message):
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "status"),
    [(polyfn.Drop("enough"), 200), (polyfn.Retry("later", after=3), 500), (ValueError("s3cr3t"), 500),
     (SystemExit(0), 500)],
)  # fmt: skip
def test_outcomes(log, error, status):
    reply = invoke(Queue("q"), raising(error), {"message": '"x"'})
    assert reply.status == status
    assert b"s3cr3t" not in reply.body
    assert len(log) == 1
    ticked = invoke(Schedule("* * * * *"), lambda tick: raising(error)(tick), {"timer": TIMER})
    assert ticked.status == status


def test_what_does_not_fit_is_failed_or_given_up(log):
    def handler(message: polyfn.Message[int]):
        message.data  # noqa: B018

    for poison, status in (("retry", 500), ("drop", 200)):
        assert invoke(Queue("q"), handler, {"message": '"text"'}, poison=poison).status == status
    assert "its payload will never fit" in log[-1][1]


def test_one_message_of_a_batch_fails_it_whole(log):
    def handler(batch: polyfn.Batch):
        for message in batch:
            with message:
                assert message.text != "b"

    rows = [{"SequenceNumber": number, "DeliveryCount": 1, "MessageId": str(number)} for number in (1, 2)]
    metadata = {f"{name}Array": json.dumps([row[name] for row in rows]) for name in rows[0]}
    settings = {"queue": "servicebus", "functions": {"f": {"batch": True}}}
    for texts, status in ((["YQ==", "YQ=="], 200), (["YQ==", "Yg=="], 500)):
        assert (
            invoke(Queue("q"), handler, {"message": json.dumps(texts)}, metadata, **settings).status == status
        )


def test_outputs_go_with_success_alone(log):
    def handler(message: polyfn.Message, context: polyfn.Context):
        context.native.outputs["audit"] = "test"
        if message.text == "fail":
            raise ValueError
        if message.text == "drop":
            raise polyfn.Drop

    def told(text):
        return invoke(
            Queue("q"), handler, {"message": json.dumps(text)}, {"DequeueCount": "2"}, functions={"f": AUDIT}
        )

    assert json.loads(told("fine").body)["Outputs"] == {"audit": "dGVzdA=="}
    assert json.loads(told("drop").body)["Outputs"] == {"audit": "dGVzdA=="}
    assert told("fail").status == 500
    assert b"dGVzdA==" not in told("fail").body


def test_a_return_value_is_an_output_like_any(log):
    def handler(message: polyfn.Message, context: polyfn.Context):
        context.native.outputs["$return"] = "1234"

    settings = {"functions": {"f": {"outputs": [{"name": "$return", "type": "queue"}]}}}
    told = json.loads(invoke(Queue("q"), handler, {"message": '"x"'}, **settings).body)
    assert told == {"Outputs": None, "Logs": [], "ReturnValue": "MTIzNA=="}


def test_an_event_of_another_bucket_is_no_failure(log):
    seen = []

    def handler(change: polyfn.ObjectChange):
        seen.append(change.key)

    event = {
        "id": "1", "topic": "/t", "subject": "/blobServices/default/containers/other/blobs/a",
        "eventType": "Microsoft.Storage.BlobDeleted", "eventTime": "2024-04-06T15:30:00Z", "data": {},
    }  # fmt: skip
    for bucket in ("uploads", "other"):
        reply = invoke(Storage(bucket, on="deleted"), handler, {"event": event})
        assert reply.status == 200
    assert seen == ["a"]


def test_what_another_trigger_sends_is_refused(log):
    assert invoke(Queue("q"), raising(ValueError()), {"message": TIMER}).status == 400
    assert log[0][1].startswith("refused: PF105: a timer arrived")


def test_http_in_the_envelope_has_its_status_inside(log):
    def handler(request: polyfn.Request):
        if request.query.get("a") == "1":
            raise HTTPError(404, "no such order")
        if request.query.get("a") == "2":
            return Response(None, 302, {"location": "/b"})
        if request.query.get("a") == "3":
            raise ValueError("s3cr3t")
        return {"id": request.params.get("id")}

    route = Http("GET", "/orders/{id}")
    told, _ = over_http(handler, url="http://h/orders/7", trigger=route)
    assert told == {
        "statusCode": "200",
        "headers": {"content-type": "application/json"},
        "body": '{"id":"7"}',
    }
    found = {a: over_http(handler, url=f"http://h/orders/7?a={a}", trigger=route)[0] for a in "123"}
    assert [told["statusCode"] for told in found.values()] == ["404", "302", "500"]
    assert json.loads(found["1"]["body"])["detail"] == "no such order"
    assert "s3cr3t" not in found["3"]["body"]
    assert over_http(handler, url="http://h/other", trigger=route)[0]["statusCode"] == "404"
    assert over_http(handler, "POST", "http://h/orders/7", trigger=route)[0]["statusCode"] == "405"


def test_a_call_function_in_the_envelope(log):
    told, _ = over_http(lambda event: {"got": event}, "POST", trigger=Call(), Body='{"a":1}')
    assert told["body"] == '{"got":{"a":1}}'
    assert over_http(lambda event: event, "POST", trigger=Call())[0]["body"] == "{}"


def test_outputs_beside_http(log):
    def handler(request: polyfn.Request, context: polyfn.Context):
        context.native.outputs["audit"] = b"\x00\xff"
        if request.query:
            raise ValueError
        return (201, "made")

    told, outputs = over_http(handler, own=AUDIT)
    assert (told["statusCode"], told["body"], outputs["audit"]) == ("201", "made", "AP8=")
    assert over_http(handler, url="http://h/f?a=1", own=AUDIT)[1].keys() == {"res"}


def test_a_binary_reply_is_a_clean_error_that_says_the_way_out(log):
    told, outputs = over_http(lambda: b"\x89PNG\xff", own=AUDIT)
    assert (told["statusCode"], told["headers"]["content-type"]) == ("500", "application/problem+json")
    assert outputs.keys() == {"res"}
    [(level, message, error, _)] = log
    assert level == "ERROR"
    assert 'transport = "proxy"' in message
    assert "binary" in str(error)


def test_streams_are_read_and_break_cleanly(log):
    async def pieces(broken):
        yield "a"
        if broken:
            raise ValueError("s3cr3t")
        yield "b"

    assert over_http(lambda: pieces(False))[0]["body"] == "ab"
    told, _ = over_http(lambda: pieces(True))
    assert told["statusCode"] == "500"
    assert "s3cr3t" not in told["body"]
    assert log[0][1] == "the reply broke off"


def test_a_function_that_is_never_passed_on_has_no_route():
    functions = {"f": (Http("GET", "/f"), lambda: "f"), "g": (Http("GET", "/g"), lambda: "g")}
    serve = new_serve(functions, functions={"f": AUDIT})
    told = {MARK: "1", INVOCATION_ID: "1"}
    assert serve(request_of("/g", method="GET", **told)).body == b"g"
    assert serve(request_of("/f", method="GET", **told)).status == 404


def test_the_prefix_is_told_and_the_peer_is_not():
    seen = []

    def handler(request: polyfn.Request):
        seen.append((request.raw_path, request.base_path, request.client, request.scheme))

    serve = new_serve({"f": (Http(None, "/x"), handler)}, route_prefix="api")
    assert serve(request_of("/api/x", **{MARK: "1", "x-forwarded-proto": "https"})).status == 204
    assert serve(request_of("/x", **{MARK: "1"})).status == 404
    assert seen == [("/x", "/api", None, "https")]


def test_a_trigger_that_azure_does_not_have():
    class Mail(Trigger):
        kind = "mail"
        __slots__ = ()

    with pytest.raises(UnsupportedError, match="that Azure Functions does not deliver"):
        new_serve({"f": (Mail(), lambda: None)})


def nothing(event):
    """Takes whatever comes."""


TRIGGERS = [
    Queue("q"), Topic("t"), Stream("s"), Stream("db/c"), Schedule("* * * * *"), Storage("b"),
    Storage("b", on="any"), Events(), Http(), Call(),
]  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(('"x"', "[]", '["YQ=="]', "YQ==", "5")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)


@pytest.mark.parametrize(
    "settings", [{}, {"queue": "servicebus", "topic": "eventgrid", "stream": "cosmosdb"}], ids=str
)
@given(data=OBJECTS | st.just({"message": TIMER}), metadata=OBJECTS)
def test_no_envelope_breaks_the_process(settings, data, metadata):
    """Whatever the host sends, the answer is a success, a refusal or a failure, and no exception."""
    functions = {f"f{index}": (trigger, nothing) for index, trigger in enumerate(TRIGGERS)}
    serve = new_serve(functions, transport="envelope", **settings)
    silent = logs.sink
    logs.sink = lambda *_: None
    try:
        for name in functions:
            told = {"Data": data, "Metadata": metadata}
            reply = serve(request_of(f"/{name}", told, **{INVOCATION_ID: "5c1a"}))
            assert reply.status in (200, 400, 500)
            assert reply.headers["content-type"].startswith("application/")
            json.loads(reply.body)
    finally:
        logs.sink = silent
