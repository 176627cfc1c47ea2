"""Side by side with Mangum, which `polyfn.asgi` replaces: the same where it is right, and where it is not."""

import asyncio
import base64
import contextlib
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mangum import Mangum

import polyfn
from polyfn import lifecycle
from polyfn.applications import ApplicationHandler
from polyfn.context import Context
from polyfn.functions import Declaration, declared
from polyfn.invoke import Invoker
from polyfn.runtime import aio
from polyfn_aws.runtime.dispatch import dispatcher
from tests.applications import of_fastapi, of_starlette


@pytest.fixture(scope="module", autouse=True)
def loop():
    """Mangum works on the thread's current loop, and makes none but its own."""
    before = asyncio.new_event_loop()
    asyncio.set_event_loop(before)
    yield
    asyncio.set_event_loop(None)
    before.close()
    aio.close()


def theirs(app, event, **options):
    """What Mangum makes of an event: its reply as JSON."""
    told = Mangum(app, **{"lifespan": "off"} | options)(json.loads(json.dumps(event)), None)
    return json.dumps(told).encode()


def ours(app, event, **options):
    handler = ApplicationHandler(app, "api", __name__)
    dispatch = dispatcher(Invoker(Declaration("api", polyfn.Http(), handler)), {"stream": [], **options})
    context = Context(request_id="r", function="api", provider="aws")
    return dispatch(json.dumps(event).encode(), "application/json", context)


@pytest.fixture
def both(aws):
    """Ask both for a request behind a source: what each has the source answer."""

    def ask(app, source, *, event=None, **wire):
        envelope = event or aws.SOURCES[source](aws.Wire(**wire))
        return aws.reply_of(source, ours(app, envelope)), _leniently(source, theirs(app, envelope))

    return ask


def _leniently(source, told):
    """A reply of Mangum's, without the keys that other sources want and this one ignores."""
    answer = json.loads(told)
    pairs = [(name.lower(), value) for name, value in answer.get("headers", {}).items()]
    for name, values in answer.get("multiValueHeaders", {}).items():
        pairs += [(name.lower(), value) for value in values]
    pairs += [("set-cookie", cookie) for cookie in answer.get("cookies", [])]
    body = answer["body"]
    raw = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
    return answer["statusCode"], sorted(pairs), raw


def _plainly(reply):
    return reply.status, sorted((name.lower(), value) for name, value in reply.headers), reply.body


# Where Mangum is right.


@pytest.mark.parametrize("make", [of_fastapi, of_starlette])
@pytest.mark.parametrize(
    "wire",
    [
        {"path": "/items/7", "query": "tag=a"},
        {"path": "/nowhere"},
        {"path": "/echo", "method": "DELETE"},
        {"path": "/echo", "method": "POST", "body": b"\x89PNG\xff"},
        {"path": "/echo", "method": "POST", "body": b""},
        {"path": "/stream"},
        {"path": "/items/7", "method": "HEAD"},
        {"path": "/items/x"},
    ],
    ids=lambda wire: f"{wire.get('method', 'GET')} {wire['path']}",
)
def test_the_same_reply(both, make, source, wire):
    app = make()
    mine, other = both(app, source, **wire)
    status, headers, body = _plainly(mine)
    if wire.get("method") == "HEAD":
        # Of a body that HEAD has not, Mangum sends the empty rest with a type for it.
        assert status == other[0]
        return
    assert (status, body) == (other[0], other[2])
    assert [pair for pair in headers if pair not in other[1]] == []


SAFE = st.text("abcXYZ019-._~", max_size=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=SAFE,
    query=st.lists(st.tuples(SAFE.filter(bool), SAFE), max_size=3, unique_by=lambda pair: pair[0]),
    headers=st.dictionaries(SAFE.filter(bool).map(lambda name: f"x-{name.lower()}"), SAFE, max_size=3),
    body=st.binary(max_size=30),
    source=st.sampled_from(["rest", "http-api", "function-url", "alb", "alb-multi"]),
)
def test_the_same_scope(aws, path, query, headers, body, source):
    """As far as Mangum tells it: what it leaves out or gets wrong is below."""
    seen = []

    async def app(scope, receive, send):
        message = await receive()
        scope = {
            key: scope[key] for key in ("type", "method", "http_version", "query_string", "headers", "scheme")
        }
        seen.append((scope | {"headers": sorted(map(tuple, scope["headers"]))}, message))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    given_headers = [("host", "a.example"), ("x-forwarded-proto", "https"), *headers.items()]
    text = "&".join(f"{name}={value}" for name, value in query)
    wire = aws.Wire("POST", f"/{path}", text, given_headers, body)
    # A stage of API Gateway's own domain is the one thing that they see differently.
    domain = {"domain": "a.example"} if source == "rest" else {}
    event = aws.SOURCES[source](wire, **domain)
    ours(app, event)
    theirs(app, event)
    assert seen[0] == seen[1]


# Where it is not: one test for each defect, showing both.


def test_lifespan_once_and_not_on_every_invocation(aws):
    """mangum#208, #342."""
    app = of_starlette()
    event = aws.http_api(aws.Wire(path="/count"))
    for _ in range(3):
        theirs(app, event, lifespan="auto")
    assert app.state.events == ["startup", "shutdown"] * 3
    app.state.events.clear()
    with _process(app) as ask:
        for _ in range(3):
            ask(event)
    assert app.state.events == ["startup", "shutdown"]


@contextlib.contextmanager
def _process(app):
    held = [list(entries) for entries in (lifecycle._start_hooks, lifecycle._stop_hooks)]
    lifecycle._start_hooks.clear()
    lifecycle._stop_hooks.clear()
    dispatch = dispatcher(Invoker(polyfn.asgi(app, name="mangum-test").__polyfn__), {})
    context = Context(request_id="r", function="api", provider="aws")
    try:
        lifecycle.start()
        yield lambda event: dispatch(json.dumps(event).encode(), "application/json", context)
        lifecycle.stop()
    finally:
        lifecycle._start_hooks[:], lifecycle._stop_hooks[:] = held
        declared.pop("mangum-test", None)


def scope_seen(serve, event, **options):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    serve(app, event, **options)
    return seen[0]


def test_a_base_path_ends_at_a_segment(aws):
    """`/api` is no part of `/apiary`."""
    event = aws.rest(aws.Wire(path="/apiary"), domain="a.example")
    assert scope_seen(theirs, event, api_gateway_base_path="/api")["path"] == "ary"
    mine = scope_seen(ours, event, base_path="/api")
    assert (mine["path"], mine["root_path"]) == ("/apiary", "")


def test_an_encoded_slash_stays_one_below_a_base_path(aws):
    event = aws.rest(aws.Wire(path="/api/a%2Fb"), domain="a.example")
    other = scope_seen(theirs, event, api_gateway_base_path="/api")
    assert (other["path"], other["raw_path"]) == ("/a/b", None)
    mine = scope_seen(ours, event, base_path="/api")
    assert (mine["root_path"], mine["path"], mine["raw_path"]) == ("/api", "/api/a/b", b"/api/a%2Fb")


def test_the_stage_is_the_root_path(aws):
    event = aws.http_api(aws.Wire(path="/x"), stage="prod")
    assert scope_seen(theirs, event)["path"] == "/prod/x"
    assert scope_seen(theirs, event)["root_path"] == ""
    assert scope_seen(ours, event)["root_path"] == "/prod"


def test_the_client_of_a_load_balancer_is_one_address(aws):
    event = aws.alb(aws.Wire(headers=[("x-forwarded-for", "6.6.6.6, 9.9.9.9")]))
    assert scope_seen(theirs, event)["client"] == ("6.6.6.6, 9.9.9.9", 0)
    assert scope_seen(ours, event)["client"] == ("9.9.9.9", 0)


def test_repeated_headers_stay_apart(aws):
    event = aws.rest(aws.Wire(headers=[("x-a", "1"), ("x-a", "2, 3")]))
    assert (b"x-a", b"1") not in [tuple(pair) for pair in scope_seen(theirs, event)["headers"]]
    assert scope_seen(ours, event)["headers"] == [(b"x-a", b"1"), (b"x-a", b"2, 3")]


def test_cookies_in_several_headers(aws):
    """HTTP/2 lets browsers split them; a comma is no separator of cookies."""
    event = aws.rest(aws.Wire(headers=[("cookie", "a=1"), ("cookie", "b=2")]))
    assert [tuple(pair) for pair in scope_seen(theirs, event)["headers"]] == [(b"cookie", b"a=1, b=2")]
    assert scope_seen(ours, event)["headers"] == [(b"cookie", b"a=1"), (b"cookie", b"b=2")]


def test_the_query_of_a_load_balancer_keeps_its_spelling(aws):
    """Signatures of requests are made over it."""
    event = aws.alb(aws.Wire(query="a=%20%2f&b=x*y"))
    assert scope_seen(theirs, event)["query_string"] == b"a=+%2F&b=x%2Ay"
    assert scope_seen(ours, event)["query_string"] == b"a=%20%2f&b=x*y"


@pytest.mark.parametrize("kind", ["application/problem+json", "application/yaml"])
def test_text_stays_text(aws, kind):
    app = _answering({"content-type": kind}, b"a: 1")
    event = aws.http_api(aws.Wire())
    assert json.loads(theirs(app, event))["isBase64Encoded"] is True
    assert json.loads(ours(app, event))["isBase64Encoded"] is False


def test_no_type_is_invented_for_no_body(aws):
    app = _answering({}, b"", 204)
    event = aws.http_api(aws.Wire())
    assert json.loads(theirs(app, event))["headers"] == {"content-type": "application/json"}
    assert json.loads(ours(app, event))["headers"] == {}


def _answering(headers, body, status=200):
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    return app


def test_rest_replies_have_each_header_once(aws):
    """Mangum puts single ones into `headers` and repeated ones into `multiValueHeaders`."""
    app = _answering({"x-a": "1"}, b"")
    event = aws.rest(aws.Wire())
    assert "headers" in json.loads(theirs(app, event))
    assert set(json.loads(ours(app, event))) == {"statusCode", "multiValueHeaders", "body", "isBase64Encoded"}


def test_a_function_url_streams(aws):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    event = aws.function_url(aws.Wire())
    assert json.loads(theirs(app, event))["body"] in ("ab", base64.b64encode(b"ab").decode())
    assert list(ours(app, event, stream=["function-url"]).chunks) == [b"a", b"b"]


def test_a_failure_in_mid_stream_is_told_and_does_not_pass_for_a_whole_reply(aws, log):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise ValueError

    told = ours(app, aws.function_url(aws.Wire()), stream=["function-url"])
    with pytest.raises(ValueError):
        list(told.chunks)


def test_the_deadline_cancels_the_application(aws, log):
    """Mangum runs until Lambda kills the process."""
    ends = []

    async def app(scope, receive, send):
        try:
            await asyncio.sleep(30)
        finally:
            ends.append(1)

    handler = ApplicationHandler(app, "api", __name__)
    dispatch = dispatcher(Invoker(Declaration("api", polyfn.Http(), handler)), {})
    context = Context(request_id="r", function="api", provider="aws", deadline=time.time() + 0.2)
    told = dispatch(json.dumps(aws.rest(aws.Wire())).encode(), "application/json", context)
    assert json.loads(told)["statusCode"] == 504
    assert ends == [1]


def test_the_response_does_not_wait_for_background_tasks(aws):
    """Mangum's reply waits for them, since it runs the application to its end (LWA#404 never runs them)."""
    order = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})
        await asyncio.sleep(0.01)
        order.append("background")

    event = aws.http_api(aws.Wire())
    theirs(app, event)
    assert order == ["background"]
    order.clear()
    ours(app, event)
    assert order == []
