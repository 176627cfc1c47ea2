"""HTTP out: what each source is answered, and what it makes of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Headers, Http, HTTPError, Response
from polyfn.runtime.replies import Reply
from polyfn_aws.runtime.http_out import LIMIT, encode, is_text

ALL = ("rest", "http-api", "function-url", "alb", "alb-multi")
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=6).map(lambda name: f"x-{name}")
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=10)
COOKIES = st.lists(st.from_regex(r"[a-z]{1,5}=[a-z0-9]{0,5}(; Path=/)?", fullmatch=True), max_size=12)


@pytest.fixture(scope="session")
def answer(aws):
    """What a client gets of a Reply: `answer(source, reply)`."""

    def run(source, reply):
        event = aws.SOURCES[source](aws.Wire())
        return aws.reply_of(source, encode(reply, source.removesuffix("-multi"), event))

    return run


@pytest.fixture(scope="session")
def ask(aws, deliver):
    """What a client gets of a handler's result: `ask(source, result)`."""

    def run(source, result, **wire):
        event = aws.SOURCES[source](aws.Wire(**wire))
        return aws.reply_of(source, deliver(Http(), lambda request: result, event))

    return run


@given(pairs=st.lists(st.tuples(NAMES, ASCII), max_size=8), cookies=COOKIES, source=st.sampled_from(ALL))
def test_headers_and_cookies_survive(answer, pairs, cookies, source):
    headers = Headers([*pairs, *[("Set-Cookie", cookie) for cookie in cookies]])
    got = answer(source, Reply(200, headers, b""))
    for name in {name for name, _ in pairs}:
        values = [value for key, value in pairs if key == name]
        assert got.all(name) == (values if source in ("rest", "alb-multi") else [", ".join(values)])
    assert got.all("set-cookie") == cookies
    assert len({name for name, _ in got.headers}) >= len({name for name, _ in pairs})


@given(
    body=st.binary(max_size=40) | st.text(max_size=40).map(str.encode),
    content_type=st.none()
    | st.sampled_from(["text/plain", "application/json", "image/png", "text/x; charset=latin-1"]),
    encoding=st.none() | st.sampled_from(["gzip", "identity"]),
    source=st.sampled_from(ALL),
)
def test_bodies_survive_and_base64_is_used_only_where_needed(answer, body, content_type, encoding, source):
    headers = Headers()
    if content_type:
        headers.add("content-type", content_type)
    if encoding:
        headers.add("content-encoding", encoding)
    got = answer(source, Reply(200, headers, body))
    assert got.body == body
    says_text = content_type in (None, "text/plain", "application/json") and encoding != "gzip"
    try:
        body.decode()
    except UnicodeDecodeError:
        says_text = False
    assert got.told["isBase64Encoded"] == (bool(body) and not says_text)


def test_case_01_a_binary_reply_says_so(ask, source):
    got = ask(source, b"\x89PNG\r\n")
    assert got.told["isBase64Encoded"] is True
    assert got.body == b"\x89PNG\r\n"
    # Bytes that happen to be text are still what their type says.
    assert ask(source, b"plain").told["isBase64Encoded"] is True


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/html; charset=utf-8", True),
        ('TEXT/CSV; header=present; charset="UTF-8"', True),
        ("text/plain; charset=iso-8859-1", False),
        ("application/json", True),
        ("application/problem+json", True),
        ("application/vnd.api+json", True),
        ("image/svg+xml", True),
        ("application/xml", True),
        ("application/javascript", True),
        ("application/yaml", True),
        ("application/openapi+yaml", True),
        ("application/x-www-form-urlencoded", True),
        ("application/x-ndjson", True),
        ("application/octet-stream", False),
        ("application/jsonpath-is-not-a-type", False),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", False),
        ("image/png", False),
        ("", False),
    ],
)
def test_what_is_text(content_type, text):
    assert is_text(content_type) is text


def test_case_02_several_cookies_in_the_form_of_each_source(ask):
    response = Response("x")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", path="/")
    both = ["a=1", "b=2; Path=/"]
    assert ask("http-api", response).told["cookies"] == both
    assert "set-cookie" not in ask("http-api", response).told["headers"]
    assert ask("function-url", response).told["cookies"] == both
    for source in ("rest", "alb-multi"):
        told = ask(source, response).told
        assert told["multiValueHeaders"]["set-cookie"] == both
        assert not {"cookies", "headers"} & set(told)
    alone = ask("alb", response)
    assert sorted(alone.all("set-cookie")) == both
    assert "cookies" not in alone.told


def test_a_reply_without_cookies_has_no_cookies_key(ask):
    assert "cookies" not in ask("http-api", "x").told


def test_case_04_a_load_balancer_is_answered_as_it_asked(ask):
    assert set(ask("alb", "x").told) == {
        "statusCode",
        "statusDescription",
        "headers",
        "body",
        "isBase64Encoded",
    }
    assert "multiValueHeaders" in ask("alb-multi", "x").told
    assert "headers" not in ask("alb-multi", "x").told


def test_case_04_null_multi_value_headers_are_none(aws, deliver):
    event = aws.alb(aws.Wire(), multiValueHeaders=None)
    assert "headers" in json.loads(deliver(Http(), lambda request: "x", event))


@pytest.mark.parametrize(
    ("status", "words"), [(200, "200 OK"), (404, "404 Not Found"), (599, "599 Server Error")]
)
def test_a_load_balancer_is_told_the_status_in_words(ask, status, words):
    assert ask("alb", Response("x", status)).told["statusDescription"] == words


def test_case_09_the_handlers_status_survives(ask, source):
    for status in (201, 302, 418, 503):
        assert ask(source, (status, {"a": 1})).status == status


def test_case_10_a_raising_handler_is_a_500_without_its_text(aws, deliver, source, log):
    def broken(request):
        raise RuntimeError("password=hunter2")

    got = aws.reply_of(source, deliver(Http(), broken, aws.SOURCES[source](aws.Wire())))
    assert got.status == 500
    assert got.all("content-type") == ["application/problem+json"]
    assert b"hunter2" not in got.body
    assert not got.told["isBase64Encoded"]
    assert [level for level, *_ in log] == ["ERROR"]


def test_an_http_error_is_problem_json(aws, deliver, source):
    def teapot(request):
        raise HTTPError(418, "short and stout", headers={"x-pot": "tea"})

    got = aws.reply_of(source, deliver(Http(), teapot, aws.SOURCES[source](aws.Wire())))
    assert (got.status, got.all("x-pot")) == (418, ["tea"])
    assert json.loads(got.body)["detail"] == "short and stout"


def test_routes_and_methods_are_checked(aws, deliver, source):
    def ask(method, path):
        event = aws.SOURCES[source](aws.Wire(method, path))
        return aws.reply_of(source, deliver(Http("GET", "/x"), lambda request: "hi", event))

    assert ask("GET", "/x").body == b"hi"
    assert ask("GET", "/y").status == 404
    refused = ask("POST", "/x")
    assert (refused.status, refused.all("allow")) == (405, ["GET, HEAD"])
    head = ask("HEAD", "/x")
    assert (head.status, head.body) == (200, b"")


def test_case_11_header_values_become_text(ask, source):
    assert ask(source, Response("x", headers={"x-count": 3})).all("x-count") == ["3"]


@given(value=st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=10))
def test_case_12_header_values_are_ascii_on_the_wire(answer, value):
    for source in ALL:
        (got,) = answer(source, Reply(200, Headers({"x": value}), b"")).all("x")
        assert got.isascii()
        assert got == value or not value.isascii()


def test_case_12_a_location_beyond_ascii_keeps_its_meaning(ask, source):
    got = ask(source, Response(None, 302, {"location": "/straße?q=a b"}))
    assert got.all("location") == ["/stra%C3%9Fe?q=a b"]


def test_case_08_no_content_type_is_invented(ask, source):
    got = ask(source, Response(None, 204))
    assert (got.headers, got.body, got.told["isBase64Encoded"]) == ([], b"", False)


def test_hop_by_hop_headers_stay_behind(ask, source):
    got = ask(
        source, Response("x", headers={"Transfer-Encoding": "chunked", "Connection": "close", "x-a": "1"})
    )
    assert not got.all("transfer-encoding")
    assert not got.all("connection")
    assert got.all("x-a") == ["1"]


def test_names_that_differ_in_case_are_one_header(answer):
    headers = Headers([("Vary", "a"), ("vary", "b")])
    assert answer("rest", Reply(200, headers)).told["multiValueHeaders"] == {"Vary": ["a", "b"]}
    assert answer("http-api", Reply(200, headers)).told["headers"] == {"Vary": "a, b"}


@pytest.mark.parametrize(
    ("source", "size", "words"),
    [
        ("http-api", LIMIT * 3 // 4, "base64"),
        ("rest", LIMIT * 3 // 4, "RESPONSE_STREAM"),
        ("alb", 1024 * 1024, "load balancer"),
    ],
)
def test_an_oversize_reply_is_a_500_and_explained_in_the_log(ask, log, source, size, words):
    got = ask(source, bytes(size))
    assert got.status == 500
    assert len(got.body) < 1000
    (level, _, error, _) = log[0]
    assert level == "ERROR"
    assert words in str(error) + str(error.hint)
    assert any(digit.isdigit() for digit in str(error))


def test_the_largest_reply_that_lambda_takes_goes_out(ask):
    overhead = len(json.dumps(ask("http-api", "").told, separators=(",", ":")))
    assert ask("http-api", "x" * (LIMIT - overhead)).status == 200
    assert ask("http-api", "x" * (LIMIT - overhead + 1)).status == 500


class TestStreaming:
    def test_only_where_it_is_configured(self, aws, deliver, kinds, source):
        def stream(request):
            yield b"a"
            yield "b"

        told = deliver(Http(), stream, aws.SOURCES[source](aws.Wire()))
        if source == "function-url":
            assert isinstance(told, kinds.Streamed)
            assert b"".join(told.chunks) == b"ab"
        else:
            assert aws.reply_of(source, told).body == b"ab"
        told = deliver(Http(), stream, aws.function_url(aws.Wire()), stream=[])
        assert aws.reply_of("function-url", told).body == b"ab"

    def test_case_03_the_prelude_has_the_cookies(self, aws, deliver):
        response = Response(iter([b"x"]), 201, [("x-a", "1"), ("x-a", "2")], content_type="text/event-stream")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        told = deliver(Http(), lambda request: response, aws.function_url(aws.Wire()))
        assert told.content_type == "application/vnd.awslambda.http-integration-response"
        assert told.head.endswith(b"\0" * 8)
        assert json.loads(told.head.rstrip(b"\0")) == {
            "statusCode": 201,
            "headers": {"x-a": "1, 2", "content-type": "text/event-stream"},
            "cookies": ["a=1", "b=2"],
        }

    def test_a_rest_api_that_streams_wants_every_reply_so(self, aws, deliver, kinds):
        def run(result):
            event = aws.rest(aws.Wire())
            told = deliver(Http(), lambda request: result, event, stream=["rest"])
            assert isinstance(told, kinds.Streamed)
            return json.loads(told.head.rstrip(b"\0")), b"".join(told.chunks)

        prelude, body = run(iter(["a", "b"]))
        assert prelude == {
            "statusCode": 200,
            "multiValueHeaders": {"content-type": ["text/plain; charset=utf-8"]},
        }
        assert body == b"ab"
        prelude, body = run({"a": 1})
        assert (prelude["statusCode"], body) == (200, b'{"a":1}')
        assert run(Response(None, 204))[1] == b""

    def test_a_reply_that_is_whole_is_not_streamed(self, aws, deliver):
        told = deliver(Http(), lambda request: "x", aws.function_url(aws.Wire()))
        assert isinstance(told, bytes)

    def test_an_error_before_the_first_chunk_is_a_clean_reply(self, aws, deliver, source, log):
        def stream(request):
            raise HTTPError(403, "no")
            yield

        got = aws.reply_of(source, deliver(Http(), stream, aws.SOURCES[source](aws.Wire())))
        assert got.status == 403

    def test_a_late_error_is_still_a_500_where_the_reply_is_collected(self, aws, deliver, log):
        def stream(request):
            yield "a"
            raise KeyError("late-secret")

        got = aws.reply_of("rest", deliver(Http(), stream, aws.rest(aws.Wire())))
        assert got.status == 500
        assert b"secret" not in got.body
        assert isinstance(log[0][2], KeyError)

    def test_closing_the_chunks_closes_the_handler(self, aws, deliver):
        closed = []

        def stream(request):
            try:
                yield "a"
                yield "b"
            finally:
                closed.append(True)

        told = deliver(Http(), stream, aws.function_url(aws.Wire()))
        assert next(told.chunks) == b"a"
        told.chunks.close()
        assert closed == [True]
