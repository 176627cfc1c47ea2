"""ASGI applications in a process of their own: lifespan, SIGTERM, streaming, background tasks."""

import importlib.util
import json
import textwrap
import time
from pathlib import Path

SITE = str(Path(importlib.util.find_spec("fastapi").origin).parents[1])
#: What the frameworks need is not the runtime's own, so the launcher does not have it.
WITH_SITE = f"import sys\nsys.path.append({SITE!r})\n"

URL = {
    "version": "2.0",
    "rawPath": "/",
    "rawQueryString": "",
    "headers": {"host": "x.lambda-url.eu-west-3.on.aws"},
    "requestContext": {
        "apiId": "x",
        "domainName": "x.lambda-url.eu-west-3.on.aws",
        "http": {"method": "GET", "path": "/", "sourceIp": "198.51.100.5"},
        "requestId": "r",
        "stage": "$default",
        "timeEpoch": 1700000000456,
    },
    "isBase64Encoded": False,
}
API = URL | {"headers": {}, "requestContext": URL["requestContext"] | {"domainName": "api.example"}}

FASTAPI = """
    import asyncio, contextlib, time
    from fastapi import BackgroundTasks, FastAPI
    from fastapi.responses import StreamingResponse

    @contextlib.asynccontextmanager
    async def lifespan(app):
        print("startup", flush=True)
        yield {"name": "pool"}
        await asyncio.sleep(0.01)
        print("shutdown", flush=True)

    app = FastAPI(lifespan=lifespan)
    main = polyfn.asgi(app, name="main")
"""


def event_of(platform, path="/", envelope=URL, **headers):
    context = envelope["requestContext"] | {"http": envelope["requestContext"]["http"] | {"path": path}}
    return platform.Event(envelope | {"rawPath": path, "requestContext": context}, **headers)


def code(text):
    return textwrap.dedent(FASTAPI) + textwrap.dedent(text)


def test_the_lifespan_starts_before_the_first_next_and_ends_on_sigterm(launch, platform):
    text = """
        @app.get("/")
        async def root():
            return {"ok": True}
    """
    one = launch(code(text), [event_of(platform), event_of(platform)], before=WITH_SITE)
    one.api.wait(lambda api: api.nexts == 3)
    paths = [request.path for request in one.api.requests]
    assert paths[0] == "/2020-01-01/extension/register"
    assert [post.json()["statusCode"] for post in one.api.posts] == [200, 200]
    assert one.out == "startup\n"
    one.terminate()
    assert one.wait() == 0
    assert one.out == "startup\nshutdown\n"
    assert one.err == ""


def test_sigterm_during_a_request_unwinds_it_and_still_shuts_down(launch, platform):
    text = """
        @app.get("/")
        async def root():
            print("begun", flush=True)
            try:
                await asyncio.sleep(30)
            finally:
                print("unwound", flush=True)
    """
    one = launch(code(text), [event_of(platform)], before=WITH_SITE)
    one.api.wait(lambda api: "begun" in one.out)
    one.terminate()
    assert one.wait() == 0
    assert one.out == "startup\nbegun\nunwound\nshutdown\n"


def test_no_lifespan_no_extension(serve, platform):
    text = """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"ok"})
    main = polyfn.asgi(app, name="main")
    """
    one = serve(text, [event_of(platform)])
    assert not [request for request in one.api.requests if "extension" in request.path]
    assert one.api.posts[0].json()["statusCode"] == 200
    assert one.err == ""


def test_a_lifespan_of_another_function_of_the_project_does_not_run(serve, platform):
    text = """
        @polyfn.function
        def other(event):
            return 1
    """
    one = serve(
        code(text), [platform.Event()], before=WITH_SITE, default="other",
        functions={"main": "app", "other": "app"},
    )  # fmt: skip
    assert one.api.posts[0].json() == 1
    assert one.out == ""
    assert not [request for request in one.api.requests if "extension" in request.path]


def test_a_startup_that_fails_is_an_init_error_with_the_reason(launch, platform):
    text = """
        import contextlib
        from fastapi import FastAPI
        @contextlib.asynccontextmanager
        async def lifespan(app):
            raise ValueError("no database")
            yield
        main = polyfn.asgi(FastAPI(lifespan=lifespan), name="main")
    """
    one = launch(textwrap.dedent(text), [event_of(platform)], before=WITH_SITE)
    assert one.wait() == 1
    [post] = one.api.posts
    assert post.path.endswith("/init/error")
    assert post.json()["errorType"] == "Runtime.StartupError"
    assert post.json()["errorMessage"].startswith("the application could not start: ValueError: no database")
    assert "Caused by ValueError: no database" in one.out
    assert one.api.nexts == 0


def test_the_reply_is_out_before_background_tasks_and_they_end_before_the_next(serve, platform):
    """LWA#404: there they are frozen with the process, and may never run."""
    text = """
        def work():
            time.sleep(0.2)
            print("worked", flush=True)

        @app.get("/")
        async def root(tasks: BackgroundTasks):
            tasks.add_task(work)
            print("served", flush=True)
            return {}
    """
    events = [event_of(platform, id="1"), event_of(platform, id="2")]
    one = serve(code(text), events, before=WITH_SITE)
    assert one.out == "startup\nserved\nworked\nserved\nworked\n"
    times = [request.path.rpartition("/")[2] for request in one.api.requests if "/runtime/" in request.path]
    assert times == ["next", "response", "next", "response", "next"]


def test_the_reply_comes_first(launch, platform):
    text = """
        @app.get("/")
        async def root(tasks: BackgroundTasks):
            tasks.add_task(asyncio.sleep, 30)
            return {}
    """
    one = launch(code(text), [event_of(platform)], before=WITH_SITE)
    one.api.wait(lambda api: api.posts)
    assert one.api.nexts == 1, "the task is still running"


def test_a_stream_goes_out_piece_by_piece(serve, platform):
    text = """
        @app.get("/")
        async def root():
            async def pieces():
                for number in range(3):
                    yield f"{number};"
                    await asyncio.sleep(0.1)
            return StreamingResponse(pieces(), media_type="text/plain")
    """
    one = serve(code(text), [event_of(platform)], before=WITH_SITE)
    [post] = one.api.posts
    assert post.headers["lambda-runtime-function-response-mode"] == "streaming"
    prelude, _, first = post.chunks[0].partition(b"\0" * 8)
    assert json.loads(prelude)["statusCode"] == 200
    assert [first, *post.chunks[1:]] == [b"0;", b"1;", b"2;"]
    assert post.times[2] - post.times[0] > 0.15
    assert post.trailers == {}


def test_a_stream_that_fails_ends_with_the_error_in_its_trailers(serve, platform):
    text = """
        @app.get("/")
        async def root():
            async def pieces():
                yield "0;"
                raise ValueError("late")
            return StreamingResponse(pieces())
    """
    one = serve(code(text), [event_of(platform), event_of(platform, envelope=API)], before=WITH_SITE)
    streamed, buffered = one.api.posts
    assert streamed.trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
    assert buffered.json()["statusCode"] == 500
    assert "late" not in buffered.json()["body"]


def test_the_deadline_answers_504_and_the_next_request_is_served(serve, platform):
    text = """
        @app.get("/")
        async def root(slow: bool = False):
            await asyncio.sleep(30)

        @app.get("/quick")
        async def quick():
            return 1
    """
    soon = event_of(platform, envelope=API, **{"Deadline-Ms": str(int(time.time() * 1000) + 4000)})
    one = serve(code(text), [soon, event_of(platform, "/quick", API)], before=WITH_SITE)
    assert [post.json()["statusCode"] for post in one.api.posts] == [504, 200]
