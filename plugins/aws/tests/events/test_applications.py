"""FastAPI, Starlette and Litestar behind each of the HTTP sources, through the provider's own runtime."""

import asyncio
import contextlib
import gzip
import json
import threading
import time
from types import SimpleNamespace

import pytest
from fastapi import BackgroundTasks, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

import polyfn
from polyfn import lifecycle
from polyfn.context import Context
from polyfn.functions import declared
from polyfn.invoke import Invoker, run_deferred
from polyfn.runtime import aio
from polyfn_aws.runtime.dispatch import dispatcher
from tests.applications import FRAMEWORKS, of_fastapi, of_starlette

PNG = b"\x89PNG\r\n\x1a\n\0\xff"


@pytest.fixture(autouse=True)
def process(log):
    """Give each test a process of its own, as far as the core can tell."""
    lists = (lifecycle._start_hooks, lifecycle._stop_hooks, lifecycle._resources, lifecycle._made)
    held = [list(entries) for entries in lists]
    kept = dict(declared)
    for entries in lists:
        entries.clear()
    declared.clear()
    yield
    lifecycle.stop()
    aio.close()
    declared.clear()
    declared.update(kept)
    for entries, before in zip(lists, held, strict=True):
        entries[:] = before


@pytest.fixture
def serve(aws):
    """Start a process for an application: `serve(app, **settings)` gives `ask(source, **wire)`."""

    def start(app, **settings):
        dispatch = dispatcher(Invoker(polyfn.asgi(app).__polyfn__), settings)
        lifecycle.start()

        def ask(source, *, context=None, event=None, **wire):
            envelope = event or aws.SOURCES[source](aws.Wire(**wire))
            context = context or Context(request_id="r", function="api", provider="aws")
            told = dispatch(json.dumps(envelope).encode(), "application/json", context)
            return aws.reply_of(source, told) if isinstance(told, bytes) else told

        return ask

    return start


@pytest.fixture(params=list(FRAMEWORKS))
def framework(request):
    return FRAMEWORKS[request.param]


def errors(log):
    return [(message, type(error).__name__) for level, message, error, _ in log if level == "ERROR"]


# Each framework behind each source.


def test_routes_and_repeated_query_keys(serve, framework, source):
    got = serve(framework())(source, path="/items/7", query="tag=a&tag=b%26c&tag=%20")
    assert got.status == 200
    # A load balancer without multi-value headers tells the last value only.
    tags = [" "] if source == "alb" else ["a", "b&c", " "]
    assert json.loads(got.body) == {"item": 7, "tag": tags}


def test_a_framework_refuses_in_its_own_words(serve, framework, source, log):
    ask = serve(framework())
    assert ask(source, path="/nowhere").status == 404
    assert ask(source, method="DELETE", path="/echo").status == 405
    assert log == []


def test_the_422_of_fastapi_passes_as_it_is(serve, source, log):
    got = serve(of_fastapi())(source, path="/items/seven")
    assert got.status == 422
    assert json.loads(got.body)["detail"][0]["type"] == "int_parsing"
    assert got.all("content-type") == ["application/json"]
    assert log == []


@pytest.mark.parametrize("body", [b"", b"text", "ünïcode ✓".encode(), PNG, bytes(range(256)) * 20])
def test_bodies_of_any_bytes(serve, framework, source, body):
    got = serve(framework())(source, method="POST", path="/echo", body=body)
    assert (got.status, got.body) == (200, body)


def test_cookies_both_ways(serve, framework, source):
    got = serve(framework())(source, path="/cookies", headers=[("cookie", "x=1; y=2")])
    assert json.loads(got.body) == {"x": "1", "y": "2"}
    cookies = got.all("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["a", "b"]
    assert "2" in cookies[1]
    assert "HttpOnly" in cookies[1]


@pytest.mark.parametrize("path", ["/facts/a%2Fb", "/facts/%C3%A9%20x"])
def test_the_raw_path_is_what_the_client_sent(serve, framework, source, path):
    got = json.loads(serve(framework())(source, path=path).body)
    if source == "http-api" and "%2F" in path:
        # This source decodes the path and tells nothing of how it was.
        assert got["raw_path"] == "/facts/a/b"
    else:
        assert got["raw_path"] == got["root_path"] + path
        assert got["root_path"] == ("/prod" if source == "rest" else "")


def test_client_and_server(serve, framework, source):
    headers = [
        ("host", "shop.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "6.6.6.6, 9.9.9.9"),
    ]
    got = json.loads(serve(framework())(source, path="/facts/x", headers=headers).body)
    clients = {"rest": "198.51.100.4", "http-api": "198.51.100.5", "function-url": "198.51.100.5"}
    assert got["client"] == clients.get(source, "9.9.9.9")
    assert (got["server"], got["scheme"]) == (["shop.example", 443], "https")


def test_a_stream_is_whole_where_it_cannot_stream(serve, framework, source):
    got = serve(framework(), stream=[])(source, path="/stream")
    assert (got.status, got.body) == (200, b"0;1;2;")
    assert got.all("content-type")[0].startswith("text/plain")


def test_an_exception_is_a_500_that_is_logged_once(serve, framework, source, log):
    got = serve(framework())(source, path="/fails")
    assert got.status == 500
    assert b"secret" not in got.body
    if framework is not FRAMEWORKS["litestar"]:  # which handles and logs it itself
        assert errors(log) == [("the application failed", "ValueError")]


def test_one_lifespan_and_one_loop_for_all_requests(serve, framework, source):
    app = framework()
    ask = serve(app)
    for _ in range(3):
        assert json.loads(ask(source, path="/count").body) == {"startups": 1, "same loop": True}
    assert app.state.events == ["startup"]
    lifecycle.stop()
    assert app.state.events == ["startup", "shutdown"]


# Stages and base paths.


@pytest.mark.parametrize(
    ("source", "envelope"),
    [("rest", {"stage": "prod"}), ("http-api", {"stage": "prod"})],
)
@pytest.mark.parametrize("base_path", ["", "/shop"])
def test_stage_and_base_path_are_the_root_path(serve, framework, aws, source, envelope, base_path):
    ask = serve(framework(), base_path=base_path)
    wire = aws.Wire(path=f"{base_path}/facts/x")
    got = json.loads(ask(source, event=aws.SOURCES[source](wire, **envelope)).body)
    assert got["root_path"] == f"/prod{base_path}"
    assert got["raw_path"] == f"/prod{base_path}/facts/x"
    item = aws.SOURCES[source](aws.Wire(path=f"{base_path}/items/7"), **envelope)
    assert json.loads(ask(source, event=item).body)["item"] == 7


def test_links_and_the_openapi_page_go_through_the_stage(serve, aws):
    app = FastAPI()

    @app.get("/items/{item}")
    async def item(item: int):
        return {}

    @app.get("/link")
    async def link():
        return RedirectResponse(app.url_path_for("item", item=7))

    @app.get("/url")
    async def url(request: Request):
        return {"item": str(request.url_for("item", item=7)), "base": str(request.base_url)}

    ask = serve(app)
    wire = aws.Wire(path="/url", headers=[("host", "api.example"), ("x-forwarded-proto", "https")])
    got = json.loads(ask("rest", event=aws.rest(wire, stage="prod")).body)
    assert got == {"item": "https://api.example/prod/items/7", "base": "https://api.example/prod/"}
    page = ask("rest", event=aws.rest(aws.Wire(path="/docs"), stage="prod")).body
    assert b"'/prod/openapi.json'" in page
    spec = json.loads(ask("rest", event=aws.rest(aws.Wire(path="/openapi.json"), stage="prod")).body)
    assert spec["servers"] == [{"url": "/prod"}]


def test_mounted_applications_route_below_the_root_path(serve, aws):
    async def inner(request):
        return JSONResponse({"root": request.scope["root_path"], "url": request.url.path})

    ask = serve(of_starlette_with(Mount("/v1", routes=[Route("/x", inner)])))
    got = json.loads(ask("rest", event=aws.rest(aws.Wire(path="/v1/x"), stage="prod")).body)
    assert got == {"root": "/prod/v1", "url": "/prod/v1/x"}


def of_starlette_with(*routes):
    app = of_starlette()
    app.router.routes[:0] = routes
    return app


# Streaming.


def test_a_function_url_streams_as_the_application_sends(serve, framework, kinds):
    told = serve(framework())("function-url", path="/stream")
    assert isinstance(told, kinds.Streamed)
    prelude = json.loads(told.head.removesuffix(b"\0" * 8))
    assert prelude["statusCode"] == 200
    assert prelude["headers"]["content-type"].startswith("text/plain")
    assert list(told.chunks) == [b"0;", b"1;", b"2;"]


def test_what_is_whole_does_not_stream(serve, framework, kinds):
    assert serve(framework())("function-url", path="/items/7").status == 200


def test_middleware_that_rewrites_replies_leaves_them_whole(serve):
    """BaseHTTPMiddleware makes a stream of every reply; a Function URL may not be set to stream."""

    class Timing(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            response = await call_next(request)
            response.headers["x-timing"] = "1"
            return response

    got = serve(of_starlette(middleware=[Middleware(Timing)]))("function-url", path="/items/7")
    assert (got.status, got.all("x-timing")) == (200, ["1"])


def test_compressed_replies_are_bytes(serve, source):
    ask = serve(of_starlette(middleware=[Middleware(GZipMiddleware, minimum_size=1)]))
    got = ask(source, path="/items/7", headers=[("accept-encoding", "gzip")])
    assert got.told["isBase64Encoded"] is True
    assert json.loads(gzip.decompress(got.body))["item"] == 7


# Background tasks.


def background_app(done, work):
    app = FastAPI()

    @app.get("/")
    async def root(tasks: BackgroundTasks):
        tasks.add_task(work)
        return {"done": len(done)}

    return app


@pytest.mark.parametrize("style", ["async", "sync"])
def test_background_tasks_run_after_the_reply_and_before_the_next_invocation(serve, source, style):
    done = []

    async def work():
        await asyncio.sleep(0.01)
        done.append(1)

    def blocking():
        time.sleep(0.01)
        done.append(1)

    ask = serve(background_app(done, work if style == "async" else blocking))
    for number in range(3):
        context = Context(request_id="r", function="api", provider="aws")
        assert json.loads(ask(source, context=context, path="/").body) == {"done": number}
        assert len(done) == number, "the reply is there first"
        run_deferred(context)
        assert len(done) == number + 1


def test_a_background_task_of_starlette_that_fails_is_logged(serve, log):
    def fails():
        raise ValueError

    async def root(request):
        return Response("ok", background=BackgroundTask(fails))

    context = Context(request_id="r", function="api", provider="aws")
    assert serve(of_starlette_with(Route("/", root)))("rest", context=context, path="/").body == b"ok"
    run_deferred(context)
    assert errors(log) == [("deferred work failed", "ValueError")]


# What is no HTTP, and what is at hand for code of one platform.


def test_a_websocket_scope_is_never_made(serve, source):
    async def talk(websocket):
        raise AssertionError("unreachable")

    ask = serve(of_starlette_with(WebSocketRoute("/ws", talk)))
    headers = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "x")]
    assert ask(source, path="/ws", headers=headers).status == 404


def test_the_event_and_the_context_are_in_the_scope(serve, aws):
    async def root(request):
        polyfn_ = request.scope["polyfn"]
        event, context = polyfn_["event"], polyfn_["context"]
        return JSONResponse([event.native["requestContext"]["stage"], context.request_id, context.provider])

    ask = serve(of_starlette_with(Route("/", root)))
    assert json.loads(ask("rest", path="/").body) == ["prod", "r", "aws"]


def test_sync_endpoints_use_threads_again_and_again(serve):
    app = FastAPI()

    @app.get("/")
    def root():
        return threading.current_thread() is threading.main_thread()

    ask = serve(app)
    assert [ask("rest", path="/").body for _ in range(3)] == [b"false"] * 3


def test_a_client_made_in_the_lifespan_works_in_every_request(serve):
    """A pool of connections, which lives and dies with its loop (mangum#361)."""
    state = SimpleNamespace(served=0)

    async def answer(reader, writer):
        while line := await reader.readline():
            state.served += 1
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def lifespan(app):
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        app.state.connection = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield
        app.state.connection[1].close()
        server.close()

    async def root(request):
        reader, writer = request.app.state.connection
        writer.write(b"hello\n")
        return Response(await reader.readline())

    ask = serve(Starlette(routes=[Route("/", root)], lifespan=lifespan))
    assert [ask("rest", path="/").body for _ in range(3)] == [b"HELLO\n"] * 3
    assert state.served == 3
