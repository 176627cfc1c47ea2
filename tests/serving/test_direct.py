"""A handler that is an ASGI application is given the server's own scope, receive and send."""

import time

STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from polyfn.runtime import current

async def facts(request):
    body = await request.body()
    return JSONResponse({"size": len(body), "path": request.url.path, "id": current.request.get().request_id})

async def wait(request):
    try:
        await asyncio.sleep(30)
    finally:
        print("cleaned up")

async def broken(request):
    async def pieces():
        yield b"x" * 10
        raise ValueError("secret-text")
    return StreamingResponse(pieces())

async def error(request):
    raise ValueError("secret-text")

async def busy(request):
    global running, most
    running += 1
    most = max(most, running)
    await asyncio.sleep(0.1)
    running -= 1
    return PlainTextResponse(str(most))

running = most = 0
app = Starlette(routes=[Route("/app/facts", facts, methods=["POST"]), Route("/app/wait", wait),
                        Route("/app/broken", broken), Route("/app/error", error), Route("/app/busy", busy)])

@function(Http(None, "/app/{rest...}"))
async def api(request: Request):
    raise AssertionError("this is the way of other platforms")

api.__asgi__ = app

@function(Http("GET", "/own"))
async def own():
    return "own"
"""


def test_it_serves_under_the_same_bounds(start) -> None:
    served = start(STARLETTE, concurrency=2)
    # Beyond the limit of bodies that are read whole: the application reads its own.
    got = served.get("/app/facts", "POST", b"x" * 2_000_000, x_id="mine").json
    assert got == {"size": 2_000_000, "path": "/app/facts", "id": "mine"}
    assert served.get("/own").body == b"own"
    assert served.get("/nowhere").status == 404
    begun = time.monotonic()
    assert served.get("/app/wait", x_timeout="0.6").status == 504
    assert 0.4 < time.monotonic() - begun < 1.5
    assert served.logged("cleaned up")
    assert served.get("/app/error").status == 500
    raw = served.raw(b"GET /app/broken HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b"x" * 10 in raw
    assert not raw.endswith(b"0\r\n\r\n")
    assert b"secret" not in raw
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        assert {one.body for one in pool.map(lambda _: served.get("/app/busy"), range(8))} <= {b"1", b"2"}
    assert served.stop() == 0
