"""Plain HTTP as events of each front, and answers back into HTTP."""

import base64
import json

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyfn_aws.emulator.http_alb import Alb
from polyfn_aws.emulator.http_reply import MalformedReply
from polyfn_aws.emulator.http_request import HttpRequest
from polyfn_aws.emulator.http_v1 import V1
from polyfn_aws.emulator.http_v2 import V2, FunctionUrl

FORMS = {"v2": V2(), "v1": V1(), "alb": Alb(), "alb-multi": Alb(multi=True), "function-url": FunctionUrl()}


def request(method="GET", path="/", query="", headers=(), body=b""):
    return HttpRequest(method, path, query, list(headers), body, "203.0.113.9", 80)


RICH = request(
    "POST", "/a%2Fb/%20c", "x=1&x=2%2B3&y=&z&e=%C3%A9+f",
    [("Host", "h"), ("X-Two", "a"), ("x-two", "b"), ("Cookie", "a=1; b=2"), ("Cookie", "c=3"),
     ("Content-Type", "application/json; charset=utf-8"), ("Connection", "close"),
     ("X-Forwarded-For", "10.0.0.1")],
    b'{"name": "J\xc3\xb6rg"}',
)  # fmt: skip


@pytest.mark.parametrize("form", [V2(), FunctionUrl()])
def test_v2(form):
    event = form.event(RICH)
    assert event["version"] == "2.0"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/a%2Fb/%20c"
    assert event["rawQueryString"] == "x=1&x=2%2B3&y=&z&e=%C3%A9+f"
    assert event["queryStringParameters"] == {"x": "1,2+3", "y": "", "z": "", "e": "é f"}
    assert event["cookies"] == ["a=1", "b=2", "c=3"]
    headers = event["headers"]
    assert headers["x-two"] == "a,b"
    assert headers["x-forwarded-for"] == "10.0.0.1, 203.0.113.9"
    assert headers["host"] == "h"
    assert {"cookie", "connection"}.isdisjoint(headers)
    assert event["body"] == '{"name": "Jörg"}'
    assert event["isBase64Encoded"] is False
    http = event["requestContext"]["http"]
    assert (http["method"], http["sourceIp"], http["protocol"]) == ("POST", "203.0.113.9", "HTTP/1.1")
    assert (".lambda-url." in event["requestContext"]["domainName"]) is isinstance(form, FunctionUrl)


def test_v2_leaves_out_what_is_empty():
    event = V2().event(request())
    assert {"body", "cookies", "queryStringParameters"}.isdisjoint(event)
    assert event["isBase64Encoded"] is False


def test_v1():
    event = V1().event(RICH)
    assert "version" not in event
    assert event["httpMethod"] == "POST"
    assert event["path"] == "/a%2Fb/%20c"
    assert event["headers"]["x-two"] == "b"
    assert event["multiValueHeaders"]["Cookie"] == ["a=1; b=2", "c=3"]
    assert event["queryStringParameters"]["x"] == "2+3"
    assert event["multiValueQueryStringParameters"]["x"] == ["1", "2+3"]
    assert event["requestContext"]["identity"]["sourceIp"] == "203.0.113.9"
    empty = V1().event(request())
    for name in ("body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters"):
        assert empty[name] is None


def test_alb_in_both_modes():
    plain, multi = Alb().event(RICH), Alb(multi=True).event(RICH)
    assert plain["queryStringParameters"] == {"x": "2%2B3", "y": "", "z": "", "e": "%C3%A9+f"}
    assert multi["multiValueQueryStringParameters"]["x"] == ["1", "2%2B3"]
    assert plain["headers"]["x-two"] == "b"
    assert multi["multiValueHeaders"]["x-two"] == ["a", "b"]
    assert {"multiValueHeaders", "multiValueQueryStringParameters"}.isdisjoint(plain)
    assert {"headers", "queryStringParameters"}.isdisjoint(multi)
    assert "targetGroupArn" in plain["requestContext"]["elb"]


@pytest.mark.parametrize(
    ("content_type", "encoding", "body", "text"),
    [
        ("application/json", None, b"{}", True),
        ("text/plain", None, b"x", True),
        ("application/problem+json", None, b"{}", True),
        ("application/json", "gzip", b"{}", False),
        ("text/plain", None, b"\xff", False),
        ("image/png", None, b"x", False),
        ("application/x-www-form-urlencoded", None, b"a=1", False),
        (None, None, b"x", False),
    ],
)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_bodies_are_text_or_base64(form, content_type, encoding, body, text):
    headers = [("content-type", content_type)] if content_type else []
    headers += [("content-encoding", encoding)] if encoding else []
    event = form.event(request("POST", headers=headers, body=body))
    assert event["isBase64Encoded"] is not text
    assert (event["body"].encode() if text else base64.b64decode(event["body"])) == body


names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
letters = st.text("abc/%&=+;. é~", max_size=8)


@settings(deadline=None)
@given(
    headers=st.lists(st.tuples(names, values), max_size=6),
    pairs=st.lists(st.tuples(letters.filter(bool), letters), max_size=5),
    body=st.binary(max_size=20),
)
def test_no_form_loses_anything(headers, pairs, body):
    from urllib.parse import parse_qsl, urlencode

    query = urlencode(pairs)
    sent = [
        pair for pair in headers if pair[0].lower() not in {"te", "upgrade", "trailer", "expect", "cookie"}
    ]
    asked = request("POST", "/x", query, sent, body)
    v1, v2, alb = (FORMS[name].event(asked) for name in ("v1", "v2", "alb-multi"))
    assert v2["rawQueryString"] == query
    several = {name: [v for n, v in pairs if n == name] for name, _ in pairs}
    assert (v1["multiValueQueryStringParameters"] or {}) == several
    raw = [(n, v) for n, vs in alb["multiValueQueryStringParameters"].items() for v in vs]
    assert sorted(parse_qsl("&".join("=".join(pair) for pair in raw), keep_blank_values=True)) == sorted(
        pairs
    )
    for name in {name for name, _ in sent}:
        wanted = [value for key, value in sent if key.lower() == name.lower()]
        assert v2["headers"][name.lower()] == ",".join(wanted)
        assert alb["multiValueHeaders"][name.lower()] == wanted
    for event in (v1, v2, alb):
        told = event.get("body") or ""
        assert (base64.b64decode(told) if event["isBase64Encoded"] else told.encode()) == body


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ({"message": "hi"}, b'{"message": "hi"}'),
        ([1, 2], b"[1, 2]"),
        ("text é", "text é".encode()),
        (7, b"7"),
        (None, b"null"),
    ],
)
def test_v2_infers_a_reply_from_a_bare_result(answer, body):
    reply = V2().reply(json.dumps(answer).encode(), request())
    assert (reply.status, reply.headers, reply.body) == (200, [("content-type", "application/json")], body)


def test_v2_reply():
    answer = {
        "statusCode": 201, "headers": {"X-A": "1", "X-N": 5, "X-B": True, "Content-Length": "999"},
        "cookies": ["a=1", "b=2"], "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True,
    }  # fmt: skip
    reply = V2().reply(json.dumps(answer).encode(), request())
    assert reply.status == 201
    assert reply.body == b"\xff"
    assert reply.headers == [
        ("X-A", "1"), ("X-N", "5"), ("X-B", "true"), ("set-cookie", "a=1"), ("set-cookie", "b=2"),
        ("content-type", "text/plain;charset=utf-8"),
    ]  # fmt: skip


def test_v1_reply_merges_its_two_kinds_of_headers():
    answer = {
        "statusCode": "200", "headers": {"A": "single", "B": "single"},
        "multiValueHeaders": {"b": ["1", "2"]}, "body": "x",
    }  # fmt: skip
    reply = V1().reply(json.dumps(answer).encode(), request())
    assert reply.status == 200
    assert reply.headers == [("b", "1"), ("b", "2"), ("A", "single"), ("content-type", "application/json")]


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("v1", {"message": "nothing is inferred"}),
        ("v1", [1]),
        ("v1", {"statusCode": 200, "body": {"not": "text"}}),
        ("v2", {"statusCode": "often"}),
        ("v2", {"statusCode": 99}),
        ("v2", {"statusCode": 101}),
        ("v2", {"statusCode": 600}),
        ("v2", {"statusCode": True}),
        ("v2", {"statusCode": 200, "body": {"not": "text"}}),
        ("v2", {"statusCode": 200, "body": "%%%", "isBase64Encoded": True}),
        ("v2", {"statusCode": 200, "headers": ["a"]}),
        ("v2", {"statusCode": 200, "headers": {"a": ["1"]}}),
        ("v2", {"statusCode": 200, "headers": {"a b": "1"}}),
        ("v2", {"statusCode": 200, "headers": {"a": "1\r\nb: 2"}}),
        ("v2", {"statusCode": 200, "cookies": "a=1"}),
        ("alb", {"statusCode": 200, "multiValueHeaders": {"a": ["1"]}}),
        ("alb-multi", {"statusCode": 200, "headers": {"a": "1"}}),
        ("alb", "text"),
    ],
)
def test_malformed_replies(form, answer):
    with pytest.raises(MalformedReply):
        FORMS[form].reply(json.dumps(answer).encode(), request())


def test_what_is_no_json_is_malformed():
    for form in FORMS.values():
        with pytest.raises(MalformedReply):
            form.reply(b"\x00", request())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
answers = json_values | st.fixed_dictionaries(
    {"statusCode": st.integers(0, 700) | json_values},
    optional={
        "headers": st.dictionaries(st.text(max_size=5), json_values, max_size=3) | json_values,
        "multiValueHeaders": st.dictionaries(
            st.text(max_size=5), st.lists(json_values, max_size=2), max_size=3
        ),
        "cookies": st.lists(json_values, max_size=2) | json_values,
        "body": json_values,
        "isBase64Encoded": json_values,
    },
)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@settings(deadline=None)
@given(answer=answers)
def test_whatever_a_function_answers_is_http_or_malformed(form, answer):
    try:
        reply = form.reply(json.dumps(answer).encode(), request())
    except MalformedReply:
        return
    wire = h11.Connection(h11.SERVER)
    wire.receive_data(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    wire.next_event()
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in reply.headers]
    assert wire.send(h11.Response(status_code=reply.status, headers=headers))


ECHO = "serve(lambda event, headers: {'statusCode': 200, 'body': json.dumps(event)})"


def test_over_the_wire(bench, run):
    async def work():
        async with bench.emulate(bench.artifact(ECHO)) as emulator:
            return await emulator.http.post(
                "/a%2Fb?x=1&x=2", content=b"\xff", headers=[("X-Two", "a"), ("X-Two", "b"), ("Cookie", "k=v")]
            )

    answer = run(work())
    event = answer.json()
    assert event["rawPath"] == "/a%2Fb"
    assert event["rawQueryString"] == "x=1&x=2"
    assert event["headers"]["x-two"] == "a,b"
    assert event["cookies"] == ["k=v"]
    assert (event["body"], event["isBase64Encoded"]) == ("/w==", True)
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-port"] == answer.url.port.__str__()


@pytest.mark.parametrize(("size", "status"), [(6 << 20, 413), (5 << 20, 200)])
def test_an_event_larger_than_lambda_takes(bench, run, size, status):
    async def work():
        source = "serve(lambda event, headers: len(event['body']))"
        async with bench.emulate(bench.artifact(source)) as emulator:
            return await emulator.http.post("/", content=b"x" * size, headers={"content-type": "text/plain"})

    assert run(work()).status_code == status


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(bench, run, status):
    async def work():
        source = f"serve(lambda event, headers: {{'statusCode': {status}, 'body': 'ignored'}})"
        async with bench.emulate(bench.artifact(source)) as emulator:
            return [await emulator.http.get("/") for _ in range(2)]

    for answer in run(work()):
        assert (answer.status_code, answer.content) == (status, b"")


def test_head(bench, run):
    async def work():
        source = "serve(lambda event, headers: {'statusCode': 200, 'body': 'four'})"
        async with bench.emulate(bench.artifact(source)) as emulator:
            return [await emulator.http.head("/") for _ in range(2)]

    for answer in run(work()):
        assert (answer.headers["content-length"], answer.content) == ("4", b"")


@pytest.mark.parametrize(
    ("form", "failed"),
    [
        ("v2", (500, '{"message":"Internal Server Error"}')),
        ("v1", (502, '{"message":"Internal server error"}')),
        ("function-url", (502, "Internal Server Error")),
    ],
)
def test_failures(bench, run, form, failed):
    """A function that timed out has failed like any other: Lambda tells its caller no more."""
    source = """
        while True:
            id, _, body = next_invocation()
            if b"hang" in body:
                time.sleep(60)
            secret = {"errorMessage": "secret"}
            respond(id, secret, kind="error")
        """

    async def work():
        async with bench.emulate(bench.artifact(source), timeout=0.6, options={"http": form}) as emulator:
            return await emulator.http.get("/"), await emulator.http.get("/hang")

    assert [(answer.status_code, answer.text) for answer in run(work())] == [failed, failed]


def test_a_failed_alb_target(bench, run):
    async def work():
        source = "serve(lambda event, headers: 'no object')"
        async with bench.emulate(bench.artifact(source), options={"http": "alb"}) as emulator:
            return await emulator.http.get("/")

    answer = run(work())
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "text/html"
    assert any("answers 502: the answer is not an object" in line for line in bench.log)


def test_a_function_that_awslambdaric_serves(bench, run):
    async def work():
        artifact = bench.ric(
            """
            import json
            def handler(event, context):
                try:
                    name = json.loads(event.get("body") or "{}").get("name") or "world"
                except ValueError:
                    name = "world"
                return {"statusCode": 200, "headers": {"content-type": "application/json"},
                        "body": json.dumps({"greeting": f"hello, {name}"})}
            """
        )
        async with bench.emulate(artifact) as emulator:
            return [
                await emulator.http.post("/", json={"name": "Bakhodir"}),
                await emulator.http.post("/", content=b"{", headers={"content-type": "application/json"}),
            ]

    assert [answer.json() for answer in run(work())] == [
        {"greeting": "hello, Bakhodir"}, {"greeting": "hello, world"},
    ]  # fmt: skip
