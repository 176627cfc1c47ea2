"""From a Request to an ASGI application and back, with applications written by hand."""

import asyncio
import contextvars
import time
from urllib.parse import parse_qsl, quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyfn
from polyfn.context import Context
from polyfn.errors import DeadlineError, ResultError
from polyfn.http import Headers, Request
from polyfn.invoke import Invoker, run_deferred
from polyfn.runtime import aio, replies
from polyfn.runtime.bridge import Chunks, scope_of


def start(status=200, *headers):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def piece(body=b"", more=False):
    return {"type": "http.response.body", "body": body, "more_body": more}


def request(method="GET", path="/", **facts):
    return Request(method=method, raw_path=path, **facts)


def says(*messages):
    """An application that sends these messages."""

    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


@pytest.fixture
def ask(context):
    """What a client gets of an application: `ask(app, Request)`, as every sync provider asks it."""

    def run(app, asked=None, context=context):
        invoker = Invoker(polyfn.asgi(app, name="f").__polyfn__)
        return replies.serve(invoker, asked or request(), context)

    return run


def errors(lines):
    return [(message, type(error).__name__) for level, message, error, _ in lines if level == "ERROR"]


# The request.


def test_the_body_comes_once_and_the_end_after_the_reply(ask, context):
    seen = []

    async def app(scope, receive, send):
        seen.append(await receive())
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        assert not waiting.done()
        await send(start())
        await send(piece(b"x"))
        seen.append(await waiting)
        seen.append(await receive())

    assert ask(app, request("POST", body=b"abc")).body == b"x"
    run_deferred(context)
    assert seen == [
        {"type": "http.request", "body": b"abc", "more_body": False},
        {"type": "http.disconnect"},
        {"type": "http.disconnect"},
    ]


def test_the_scope_has_all_that_asgi_names(context):
    asked = request(
        "post", "/a%2Fb/%C3%A9", raw_query="q=1&q=%20", headers=Headers([("X-A", "1"), ("x-a", "é")]),
        base_path="/prod/api%20x", client="2001:db8::1", scheme="http", host="shop.example:8080",
    )  # fmt: skip
    state = {"pool": object()}
    scope = scope_of(asked, context, state)
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/prod/api x/a/b/é",
        "raw_path": b"/prod/api%20x/a%2Fb/%C3%A9",
        "query_string": b"q=1&q=%20",
        "root_path": "/prod/api x",
        "headers": [(b"x-a", b"1"), (b"x-a", b"\xe9")],
        "client": ("2001:db8::1", 0),
        "server": ("shop.example", 8080),
        "state": state,
        "extensions": {},
        "polyfn": {"event": asked, "context": context},
    }
    assert scope["state"] is not state, "a request's own"


@pytest.mark.parametrize(
    ("host", "scheme", "server"),
    [
        ("a.example", "https", ("a.example", 443)),
        ("a.example", None, ("a.example", 443)),
        ("a.example", "http", ("a.example", 80)),
        ("a.example:81", "https", ("a.example", 81)),
        ("[::1]:81", "http", ("::1", 81)),
        ("[::1]", "http", ("::1", 80)),
        ("a.example:x", "http", ("a.example:x", 80)),
        (None, None, None),
    ],
)
def test_the_server_is_what_the_client_asked(host, scheme, server, context):
    scope = scope_of(request(host=host, scheme=scheme), context, {})
    assert (scope["server"], scope["scheme"]) == (server, scheme or "https")
    assert scope["client"] is None


SEGMENTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=4)
BARE = Context(request_id="r", function="f", provider="test")


@given(segments=SEGMENTS, base=st.sampled_from(["", "/prod", "/a b", "/%41"]))
def test_paths_survive(segments, base):
    path = "/" + "/".join(segments)
    raw = quote(path)
    scope = scope_of(request(path=raw, base_path=quote(base)), BARE, {})
    assert scope["path"] == base + path
    assert scope["root_path"] == base
    assert scope["raw_path"].decode("ascii") == quote(base) + raw
    assert unquote(scope["raw_path"].decode()) == scope["path"]
    # By which frameworks find the path that they route by.
    assert scope["path"].startswith(scope["root_path"])


@given(pairs=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=5))
def test_queries_survive(pairs):
    pairs = [(name, value) for name, value in pairs if (name + value).isprintable()]
    raw = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    scope = scope_of(request(raw_query=raw), BARE, {})
    assert scope["query_string"] == raw.encode()
    assert parse_qsl(scope["query_string"].decode(), keep_blank_values=True) == pairs


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=8)


@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_headers_survive_both_ways(pairs):
    seen = []

    async def echo(scope, receive, send):
        seen.extend(scope["headers"])
        await send(start(200, *scope["headers"]))
        await send(piece(b""))

    exchange = polyfn.applications.ApplicationHandler(echo, "f", __name__)
    reply = aio.run(exchange.exchange(request(headers=Headers(pairs)), BARE))
    assert seen == [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]
    assert reply.headers.items() == [(name.lower(), value) for name, value in pairs]


@given(value=st.text(max_size=5).filter(lambda text: not set(text) & set("\r\n\0")))
def test_a_header_of_any_text_gets_through(value):
    [(_, raw)] = scope_of(request(headers=Headers([("x", value)])), BARE, {})["headers"]
    assert value in (raw.decode("latin-1"), raw.decode("utf-8", "surrogateescape"))


def test_only_http_scopes_are_made(ask):
    kinds = []

    async def app(scope, receive, send):
        kinds.append(scope["type"])
        await send(start())
        await send(piece())

    ask(app, request(headers=Headers({"upgrade": "websocket", "connection": "upgrade"})))
    assert kinds == ["http"]


# Replies that are whole.


def test_one_message_is_a_plain_body(ask):
    reply = ask(
        says(start(201, (b"X-A", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")), piece(b"hi"))
    )
    assert (reply.status, reply.body, reply.stream) == (201, b"hi", None)
    assert reply.headers.items()[:3] == [("X-A", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]


def test_headers_and_keys_may_be_left_out_and_may_be_lists(ask):
    reply = ask(says({"type": "http.response.start", "status": 204}, {"type": "http.response.body"}))
    assert (reply.status, reply.body, reply.headers.items()) == (204, b"", [])
    reply = ask(says(start(200, [b"content-type", b"a/b"]), piece(bytearray(b"x"))))
    assert (reply.headers.items(), reply.body) == ([("content-type", "a/b")], b"x")


def test_no_type_is_made_up_for_an_empty_body(ask):
    assert ask(says(start(307, (b"location", b"/x")), piece())).headers.items() == [("location", "/x")]


def test_what_the_length_says_is_all_does_not_stream(ask):
    """Middleware of Starlette announces more after what is the whole body."""
    reply = ask(says(start(200, (b"content-length", b"2")), piece(b"ab", more=True), piece()))
    assert (reply.body, reply.stream) == (b"ab", None)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body_has_none(ask, status, lines):
    reply = ask(says(start(status), piece(b"x", more=True), piece(b"y")))
    assert (reply.status, reply.body, reply.stream) == (status, b"", None)
    assert errors(lines) == []


def test_head_has_the_headers_and_no_body(ask):
    reply = ask(says(start(200, (b"content-length", b"2")), piece(b"ab")), request("HEAD"))
    assert (reply.body, reply.headers.items()[0]) == (b"", ("content-length", "2"))


# Replies that stream.


def test_the_first_chunk_decides_that_it_streams(ask, context):
    reply = ask(
        says(start(200, (b"content-type", b"text/x")), piece(b"a", True), piece(b"", True), piece(b"b"))
    )
    assert reply.headers.items() == [("content-type", "text/x")]
    assert list(reply.stream) == [b"a", b"b"]
    run_deferred(context)


def test_chunks_come_as_they_are_sent_and_no_sooner(ask):
    sent = []

    async def app(scope, receive, send):
        await send(start())
        for number in range(10):
            sent.append(number)
            await send(piece(b"%d" % number, True))
        await send(piece())

    reply = ask(app)
    assert len(sent) <= 4, "it waits for its reader"
    assert b"".join(reply.stream) == b"0123456789"


def test_one_task_runs_the_application_from_start_to_end(ask):
    tasks, variable = set(), contextvars.ContextVar("variable")

    async def app(scope, receive, send):
        token = variable.set(1)
        async with asyncio.timeout(60):
            await send(start())
            for _ in range(3):
                tasks.add(asyncio.current_task())
                await send(piece(b"x", True))
        variable.reset(token)
        await send(piece())

    assert list(ask(app).stream) == [b"x"] * 3
    assert len(tasks) == 1


def test_a_stream_that_is_closed_early_cancels_the_application(ask, context, lines):
    ends = []

    async def app(scope, receive, send):
        await receive()
        gone = asyncio.ensure_future(receive())
        try:
            await send(start())
            while True:
                await send(piece(b"x", True))
        except asyncio.CancelledError:
            ends.append(await gone)
            with pytest.raises(OSError, match="the client is gone"):
                await send(piece(b"y", True))
            raise

    reply = ask(app)
    assert next(reply.stream) == b"x"
    reply.stream.close()
    assert ends == [{"type": "http.disconnect"}]
    run_deferred(context)
    assert errors(lines) == []


def test_head_of_an_endless_stream_ends(ask):
    async def app(scope, receive, send):
        await send(start())
        while True:
            await send(piece(b"x", True))

    reply = ask(app, request("HEAD"))
    assert (reply.status, reply.body, reply.stream) == (200, b"", None)


def test_an_empty_stream_is_an_empty_body(ask):
    reply = ask(says(start(), piece(b"", True), piece(b"", True), piece()))
    assert (reply.body, reply.stream) == (b"", None)


# Failures.


async def _fails(scope, receive, send):
    raise ValueError("secret")


async def _fails_after_the_start(scope, receive, send):
    await send(start(200, (b"x-a", b"1")))
    raise ValueError("secret")


@pytest.mark.parametrize("app", [_fails, _fails_after_the_start])
def test_a_failure_before_the_body_is_a_500_without_its_text(ask, lines, app):
    reply = ask(app)
    assert (reply.status, reply.headers.get("x-a")) == (500, None)
    assert b"secret" not in reply.body
    assert errors(lines) == [("the handler failed", "ValueError")]


def test_a_failure_in_a_stream_is_raised_where_it_is_read(ask, context, lines):
    async def app(scope, receive, send):
        await send(start())
        await send(piece(b"a", True))
        raise ValueError("late")

    stream = ask(app).stream
    assert next(stream) == b"a"
    with pytest.raises(ValueError, match="late"):
        next(stream)
    run_deferred(context)
    assert errors(lines) == [], "who reads the stream reports it"


def test_a_failure_after_the_reply_is_logged_and_changes_nothing(ask, lines):
    """As frameworks do that answer 500 themselves and raise on."""

    async def app(scope, receive, send):
        await send(start(500))
        await send(piece(b"sorry"))
        raise ValueError("why")

    reply = ask(app)
    assert (reply.status, reply.body) == (500, b"sorry")
    assert errors(lines) == [("the application failed", "ValueError")]


def test_a_failure_after_the_last_chunk_is_logged(ask, context, lines):
    async def app(scope, receive, send):
        await send(start())
        await send(piece(b"a", True))
        await send(piece(b"b"))
        raise ValueError("why")

    assert list(ask(app).stream) == [b"a", b"b"]
    run_deferred(context)
    assert errors(lines) == [("deferred work failed", "ValueError")]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([piece(b"x")], "sent http.response.body before http.response.start"),
        ([start(), start()], "sent http.response.start after http.response.start"),
        ([{"type": "websocket.accept"}], "sent websocket.accept before http.response.start"),
        ([start(), {"type": "http.response.trailers"}], "sent http.response.trailers after"),
        ([], "returned before its reply was complete"),
        ([start()], "returned before its reply was complete"),
    ],
)
@pytest.mark.parametrize("swallows", [False, True])
def test_messages_out_of_order_are_a_500_and_logged(ask, lines, messages, words, swallows):
    async def app(scope, receive, send):
        for message in messages:
            try:
                await send(message)
            except ResultError:
                if not swallows:
                    raise

    assert ask(app).status == 500
    [(level, _, error, _)] = lines
    assert (level, type(error)) == ("ERROR", ResultError)
    assert words in error.message


def test_a_message_after_the_end_is_logged_and_the_reply_stands(ask, lines):
    reply = ask(says(start(), piece(b"x"), piece(b"y")))
    assert (reply.status, reply.body) == (200, b"x")
    [(_, message, error, _)] = lines
    assert message == "the application failed"
    assert error.message == "the application sent http.response.body after its reply was complete"


@pytest.mark.parametrize(
    "message",
    [
        start(200, (b"x", b"a\r\nset-cookie: forged=1")),
        start(99),
        start("200"),
        start(200, ("text", "text")),
    ],
)
def test_a_start_that_cannot_be_sent_fails_where_it_was_sent(ask, lines, message):
    assert ask(says(message, piece(b"x"))).status == 500
    assert len(errors(lines)) == 1


def test_a_body_of_text_is_refused(ask, lines):
    assert ask(says(start(), {"type": "http.response.body", "body": "text"})).status == 500
    assert errors(lines) == [("the handler failed", "TypeError")]


def test_a_cancellation_that_nobody_asked_for_is_a_failure(ask, lines):
    async def app(scope, receive, send):
        raise asyncio.CancelledError

    assert ask(app).status == 500
    assert errors(lines) == [("the handler failed", "RuntimeError")]


def test_sys_exit_ends_the_process(ask):
    async def app(scope, receive, send):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        ask(app)


# Time.


def test_the_deadline_cancels_it_and_answers_504(ask, within, lines):
    ends = []

    async def app(scope, receive, send):
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("cleaned up")

    began = time.monotonic()
    assert ask(app, context=within(0.2)).status == 504
    assert time.monotonic() - began < 5
    assert ends == ["cleaned up"]
    assert errors(lines) == [("the handler failed", "DeadlineError")]


def test_the_deadline_cancels_a_stream(ask, within):
    ends = []

    async def app(scope, receive, send):
        try:
            await send(start())
            await send(piece(b"a", True))
            await asyncio.sleep(60)
        finally:
            ends.append("cleaned up")

    stream = ask(app, context=within(0.3)).stream
    assert next(stream) == b"a"
    with pytest.raises(DeadlineError):
        next(stream)
    assert ends == ["cleaned up"]


def test_what_never_waits_is_not_hurt_by_a_deadline_that_has_passed(ask, within):
    assert ask(says(start(), piece(b"x")), context=within(-1)).body == b"x"


# What goes on after the reply.


def test_the_application_goes_on_after_the_reply_as_deferred_work(ask, context):
    done = []

    async def app(scope, receive, send):
        await send(start())
        await send(piece(b"x"))
        await asyncio.sleep(0.05)
        done.append("background")

    assert ask(app).body == b"x"
    assert done == []
    run_deferred(context)
    assert done == ["background"]


def test_the_same_after_a_stream(ask, context):
    done = []

    async def app(scope, receive, send):
        await send(start())
        await send(piece(b"x", True))
        await send(piece(b"y"))
        await asyncio.sleep(0.05)
        done.append("background")

    assert list(ask(app).stream) == [b"x", b"y"]
    assert done == []
    run_deferred(context)
    assert done == ["background"]


def test_nothing_is_deferred_where_nothing_is_left(ask, context):
    ask(says(start(), piece(b"x")))
    assert context.deferred is None


def test_a_background_task_that_fails_is_logged(ask, context, lines):
    async def app(scope, receive, send):
        await send(start())
        await send(piece(b"x"))
        await asyncio.sleep(0.01)
        raise ValueError

    assert ask(app).body == b"x"
    run_deferred(context)
    assert errors(lines) == [("deferred work failed", "ValueError")]


def test_a_background_task_is_cancelled_at_the_deadline(ask, within, lines):
    ends = []

    async def app(scope, receive, send):
        await send(start())
        await send(piece(b"x"))
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("cleaned up")

    context = within(0.3)
    assert ask(app, context=context).body == b"x"
    run_deferred(context)
    assert ends == ["cleaned up"]
    assert errors(lines) == [("deferred work failed", "DeadlineError")]


# On a loop that is running already, as behind a server.


def test_it_can_be_awaited(context):
    api = polyfn.asgi(says(start(), piece(b"a", True), piece(b"b")))

    async def server():
        reply = await api(request(), context)
        assert isinstance(reply.body, Chunks)
        return [chunk async for chunk in reply.body]

    assert asyncio.run(server()) == [b"a", b"b"]


def test_whoever_awaits_it_cancels_it(context):
    ends = []

    async def app(scope, receive, send):
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ends.append("cleaned up")

    async def server():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await polyfn.asgi(app)(request(), context)
        assert ends == ["cleaned up"]

    asyncio.run(server())


def test_requests_are_served_side_by_side(context):
    async def app(scope, receive, send):
        await asyncio.sleep(0.1)
        await send(start())
        await send(piece(scope["path"].encode()))

    api = polyfn.asgi(app)

    async def server():
        replies = await asyncio.gather(*(api(request(path=f"/{n}"), context) for n in range(20)))
        return [reply.body for reply in replies]

    began = time.monotonic()
    assert asyncio.run(server()) == [b"/%d" % n for n in range(20)]
    assert time.monotonic() - began < 1.5


def test_a_thread_that_runs_a_loop_already_is_told_so(context):
    invoker = Invoker(polyfn.asgi(says(start(), piece())).__polyfn__)

    async def inside():
        with pytest.raises(RuntimeError, match="running"):
            invoker.call(request(), context)

    asyncio.run(inside())


def test_one_loop_serves_all_requests(ask):
    loops = []

    async def app(scope, receive, send):
        loops.append(asyncio.get_running_loop())
        await send(start())
        await send(piece())

    ask(app)
    ask(app)
    assert loops == [aio.loop(), aio.loop()]
