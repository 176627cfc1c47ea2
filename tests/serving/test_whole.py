"""A reply that is handed over whole is, byte by byte, the reply that ASGI's messages make."""

import json
import re
import time

import pytest

CODE = """
from polyfn.runtime import protocol
protocol._IS_KNOWN = {known}

@function(Http("GET", "/hello"))
async def hello(request: Request):
    return {{"message": "hello"}}

@function(Http("GET", "/large"))
def large():
    return b"x" * 200_000

@function(Http(None, "/status/{{status}}"))
async def answer(request: Request):
    return int(request.params["status"]), "text"

@function(Http("GET", "/last"))
async def last():
    return Response("bye", headers={{"connection": "close"}})

@function(Http("GET", "/headers"))
async def headers():
    return Response(b"", headers=[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-latin", "caf\\xe9")])

@function(Http("GET", "/bad"))
async def bad():
    return Response("x", headers={{"x-bad": "a\\r\\nb: c"}})

@function(Http("GET", "/stream"))
async def stream():
    yield "one"
    yield "two"
"""
END = b"GET /last HTTP/1.1\r\nhost: a\r\n\r\n"
REQUESTS = {
    "json": b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "pipeline": b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n" * 3 + END,
    "large": b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n" * 2 + END,
    "head": b"HEAD /hello HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "no content": b"GET /status/204 HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "not modified": b"GET /status/304 HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "no phrase": b"GET /status/299 HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "not found": b"GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "with a body": b"POST /status/201 HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody" + END,
    "continue": b"POST /status/201 HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nb"
    + END,
    "headers": b"GET /headers HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "impossible headers": b"GET /bad HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "stream and whole": b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n" + END,
    "http/1.0": b"GET /hello HTTP/1.0\r\nhost: a\r\n\r\n",
    "http/1.0 kept": b"GET /hello HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n",
    "asked to close": b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    from tests.serving.conftest import Served

    made = []
    for known in (True, False):
        folder = tmp_path_factory.mktemp("whole")
        made.append(Served(folder, CODE.format(known=known), {"loop": "uvloop"}, 60.0).ready())
    yield made
    for served in made:
        served.process.kill()
        served.process.wait()


def plain(answer: bytes) -> bytes:
    return re.sub(rb"\r\ndate: [^\r]+", b"\r\ndate: now", answer)


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
def test_it_makes_no_difference_to_a_client(both, request_) -> None:
    whole, messages = (plain(served.raw(request_)) for served in both)
    assert whole.startswith(b"HTTP/1.1 ")
    assert whole == messages


GARBAGE = """
import gc
gc.disable()

@function(Http("GET", "/hello"))
async def hello(request: Request):
    return {"message": "hello"}

@function(Http("POST", "/sync"))
def sync(request: Request):
    return request.json()

@function(Http("GET", "/stream"))
async def stream():
    yield "one"

@function(Http("GET", "/missing"))
async def missing():
    raise HTTPError(404)

@function(Http("GET", "/garbage"))
async def garbage():
    return {"found": gc.collect()}
"""


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/hello", None), ("POST", "/sync", b"{}"), ("GET", "/stream", None), ("GET", "/missing", None)],
)
def test_a_request_leaves_no_garbage_to_collect(start, method, path, body) -> None:
    served = start(GARBAGE, loop="uvloop")
    served.get(path, method, body)
    served.get("/garbage")
    for _ in range(50):
        served.get(path, method, body)
    assert json.loads(served.get("/garbage").body)["found"] < 50


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_idle_connections_are_closed(start, loop) -> None:
    served = start(CODE.format(known=True), keep_alive=1, loop=loop)
    with served.connect() as idle, served.connect() as busy:
        for sock in (idle, busy):
            sock.sendall(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n")
            assert sock.recv(4096).endswith(b"}")
        begun = time.monotonic()
        while time.monotonic() - begun < 3:
            time.sleep(0.3)
            busy.sendall(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n")
            assert busy.recv(4096).endswith(b"}")
        idle.settimeout(1)
        assert idle.recv(1) == b""
