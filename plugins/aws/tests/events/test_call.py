"""A Call function: direct payloads, and the same function over HTTP."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from polyfn import Call, Event, HTTPError, Response
from polyfn.errors import PayloadError, ResultError
from polyfn_aws.runtime.verify import http_form

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Greeting(BaseModel):
    name: str = "world"


def echo(payload):
    return payload


def hello(event: Greeting):
    return {"message": f"hello, {event.name}"}


@given(payload=JSON)
def test_case_27_any_json_reaches_the_handler(deliver, payload):
    assert json.loads(deliver(Call(), echo, payload)) == payload


LOOKALIKES = [
    {"payload": 1, "headers": {}, "httpMethod": "GET"},
    {"body": "{}", "headers": {"a": "b"}, "httpMethod": "POST", "path": "/", "isBase64Encoded": False},
    {"requestContext": {}},
    {"requestContext": None, "body": "x"},
    {"requestContext": {"http": {"method": "GET", "path": "/"}}, "version": "2.0"},
    {"version": "2.0", "rawPath": "/", "requestContext": {"http": "GET"}, "isBase64Encoded": False},
    {"requestContext": {"elb": True}, "httpMethod": "GET", "path": "/"},
    {"requestContext": {"elb": {"targetGroupArn": 3}}, "httpMethod": "GET", "path": "/"},
    {
        "resource": "/",
        "path": "/",
        "httpMethod": "GET",
        "requestContext": {"authorizer": {}, "requestId": "1"},
    },
    {"Records": [{"eventSource": "aws:sqs", "body": "x"}]},
    [{"requestContext": {"elb": {"targetGroupArn": "arn:x"}}}],
]


@pytest.mark.parametrize("payload", LOOKALIKES)
def test_case_28_a_payload_that_looks_like_an_envelope_is_not_unwrapped(deliver, payload):
    assert json.loads(deliver(Call(), echo, payload)) == payload


@given(
    extra=st.dictionaries(
        st.sampled_from(["body", "headers", "httpMethod", "path", "version", "resource", "cookies"]), JSON
    )
)
def test_case_28_no_subset_of_common_keys_is_an_envelope(extra):
    assert http_form(extra) is None


def test_case_27_the_same_function_answers_directly_and_over_http(deliver, aws, source):
    assert deliver(Call(), hello, {"name": "Ada"}) == b'{"message":"hello, Ada"}'
    wire = aws.Wire("POST", "/", headers=[("content-type", "application/json")], body=b'{"name":"Ada"}')
    reply = aws.reply_of(source, deliver(Call(), hello, aws.SOURCES[source](wire)))
    assert (reply.status, reply.body) == (200, b'{"message":"hello, Ada"}')
    assert reply.all("content-type") == ["application/json"]
    assert not reply.told["isBase64Encoded"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_case_07_an_empty_body_is_an_empty_object(deliver, aws, source, method):
    reply = aws.reply_of(source, deliver(Call(), hello, aws.SOURCES[source](aws.Wire(method))))
    assert (reply.status, reply.body) == (200, b'{"message":"hello, world"}')
    reply = aws.reply_of(source, deliver(Call(), echo, aws.SOURCES[source](aws.Wire(method))))
    assert (reply.status, reply.body) == (200, b"{}")


def test_an_empty_body_stays_empty_for_a_handler_of_bytes(deliver, aws, source):
    def size(payload: bytes):
        return len(payload)

    reply = aws.reply_of(source, deliver(Call(), size, aws.SOURCES[source](aws.Wire("POST"))))
    assert reply.body == b"0"


def test_a_body_that_does_not_fit_is_the_clients_fault(deliver, aws, source, log):
    wire = aws.Wire("POST", body=b"{not json")
    reply = aws.reply_of(source, deliver(Call(), echo, aws.SOURCES[source](wire)))
    assert reply.status == 400
    assert reply.all("content-type") == ["application/problem+json"]
    wire = aws.Wire("POST", body=b'{"name": 3}')
    reply = aws.reply_of(source, deliver(Call(), hello, aws.SOURCES[source](wire)))
    assert reply.status == 422
    assert json.loads(reply.body)["errors"][0]["loc"] == ["name"]
    assert not [line for line in log if line[0] == "ERROR"]


def test_case_10_an_exception_over_http_is_a_500_without_its_text(deliver, aws, source, log):
    def broken(payload):
        raise KeyError("the-secret")

    reply = aws.reply_of(source, deliver(Call(), broken, aws.SOURCES[source](aws.Wire("POST"))))
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert isinstance(log[0][2], KeyError)
    with pytest.raises(KeyError):
        deliver(Call(), broken, {})


def test_over_http_every_result_is_json_but_bytes_and_responses(deliver, aws):
    def over_http(result):
        told = deliver(Call(), lambda event: result, aws.http_api(aws.Wire("POST")))
        reply = aws.reply_of("http-api", told)
        return reply.status, reply.all("content-type")[0], reply.body

    assert over_http("text") == (200, "application/json", b'"text"')
    assert over_http(None) == (200, "application/json", b"null")
    assert over_http((201, "x")) == (200, "application/json", b'[201,"x"]')
    assert over_http(b"\0\1") == (200, "application/octet-stream", b"\0\1")
    assert over_http(Response("hi", 202)) == (202, "text/plain; charset=utf-8", b"hi")


def test_case_09_an_http_error_keeps_its_status(deliver, aws, source):
    def gone(payload):
        raise HTTPError(410, "no more")

    reply = aws.reply_of(source, deliver(Call(), gone, aws.SOURCES[source](aws.Wire("POST"))))
    assert (reply.status, json.loads(reply.body)["detail"]) == (410, "no more")


def test_case_17_a_handler_that_returns_none(deliver):
    assert deliver(Call(), lambda event: None, {}) == b"null"


def test_case_16_a_handler_without_parameters(deliver):
    assert deliver(Call(), lambda: 1, {}) == b"1"
    assert deliver(Call(), lambda: 1, b"\0", content_type="application/octet-stream") == b"1"


def test_bytes_are_answered_as_they_are(deliver, kinds):
    for kind in (bytes, bytearray, memoryview):
        answer = deliver(Call(), lambda event: kind(b"\x00\xff"), {})  # noqa: B023
        assert isinstance(answer, kinds.Answer)
        assert (answer.body, answer.content_type) == (b"\x00\xff", "application/octet-stream")


def test_other_content_types_are_for_handlers_of_bytes(deliver):
    def size(payload: bytes):
        return len(payload)

    def kind(event: Event):
        return [event.content_type, len(event.raw)]

    assert deliver(Call(), size, b"\xff\xfe", content_type="image/png") == b"2"
    assert deliver(Call(), kind, b"\xff\xfe", content_type="image/png") == b'["image/png",2]'
    for handler in (echo, hello):
        with pytest.raises(PayloadError, match="image/png"):
            deliver(Call(), handler, b"{}", content_type="image/png")


def test_json_that_is_none_fails_unless_bytes_are_asked_for(deliver):
    def size(payload: bytes):
        return len(payload)

    body = b'{"requestContext": broken'
    assert deliver(Call(), size, body) == str(len(body)).encode()
    with pytest.raises(PayloadError):
        deliver(Call(), echo, body)


def test_a_result_without_json_form_names_its_path(deliver):
    with pytest.raises(ResultError) as raised:
        deliver(Call(), lambda event: {"a": [object()]}, {})
    assert raised.value.path == "$.a[0]"


class TestStreaming:
    def test_the_first_chunk_chooses_the_content_type(self, deliver, kinds):
        def run(*chunks):
            def stream(event):
                yield from chunks

            reply = deliver(Call(), stream, {})
            assert isinstance(reply, kinds.Streamed)
            assert reply.head == b""
            return reply.content_type, b"".join(reply.chunks)

        assert run(b"\0", "é") == ("application/octet-stream", b"\0\xc3\xa9")
        assert run("a", b"b") == ("text/plain; charset=utf-8", b"ab")
        assert run({"a": 1}, [2]) == ("application/x-ndjson", b'{"a":1}\n[2]\n')

    def test_an_async_generator_streams_too(self, deliver):
        async def stream(event):
            yield "a"
            yield "b"

        assert b"".join(deliver(Call(), stream, {}).chunks) == b"ab"

    def test_nothing_yielded_is_an_empty_answer(self, deliver, kinds):
        def stream(event):
            return
            yield

        answer = deliver(Call(), stream, {})
        assert isinstance(answer, kinds.Answer)
        assert answer.body == b""

    def test_an_error_before_the_first_chunk_fails_the_invocation(self, deliver):
        def stream(event):
            raise KeyError("early")
            yield

        with pytest.raises(KeyError):
            deliver(Call(), stream, {})

    def test_an_error_after_it_comes_out_of_the_chunks(self, deliver):
        def stream(event):
            yield "a"
            raise KeyError("late")

        chunks = iter(deliver(Call(), stream, {}).chunks)
        assert next(chunks) == b"a"
        with pytest.raises(KeyError):
            next(chunks)
