"""Streams, and what cuts a request short: deadlines and clients that leave."""

import http.client
import time

import pytest

from tests.serving.conftest import eventually

STREAMS = """
@function(Http("GET", "/async"))
async def items():
    try:
        for number in range(4):
            yield {"number": number, "at": time.monotonic()}
            await asyncio.sleep(0.2)
    finally:
        print("closed async")

@function(Http("GET", "/sync"))
def lines():
    try:
        for number in range(4):
            yield f"{time.monotonic()}\\n"
            time.sleep(0.2)
    finally:
        print("closed sync")

@function(Http("GET", "/opened"))
async def opened():
    yield Response(status=202, headers={"content-type": "text/event-stream", "x-a": "1"})
    yield "data: 1\\n\\n"

@function(Http("GET", "/mixed/{how}"))
async def mixed(request: Request):
    async def chunks():
        yield b"a"
        yield b"b"
    def pieces():
        yield b"a"
        yield b"b"
    return Response(chunks() if request.params["how"] == "async" else pieces())

@function(Http("GET", "/wrapped"))
def wrapped():
    async def chunks():
        yield b"a"
        await asyncio.sleep(0.01)
        yield b"b"
    return Response(chunks())

@function(Http("GET", "/broken/{how}"))
async def broken(request: Request):
    how = request.params["how"]
    async def chunks():
        if how == "first":
            raise ValueError("secret-text")
        yield b"x" * 10
        raise ValueError("secret-text")
    def pieces():
        yield b"x" * 10
        raise ValueError("secret-text")
    return Response(pieces() if how == "sync" else chunks())

@function(Http("GET", "/endless/{how}"))
async def endless(request: Request):
    async def chunks():
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.02)
        finally:
            print("closed endless async")
    def pieces():
        try:
            while True:
                yield b"x"
                time.sleep(0.02)
        finally:
            print("closed endless sync")
    return Response(chunks() if request.params["how"] == "async" else pieces())

@function(Http("GET", "/wait"))
async def wait():
    print("waiting")
    try:
        await asyncio.sleep(30)
    finally:
        print("cleaned up")

@function(Http("GET", "/stubborn"))
def stubborn():
    time.sleep(1.2)
    return "late"

@function(Http("GET", "/quick"))
async def quick():
    return "quick"
"""

SERVERS = [{}, {"loop": "uvloop"}, {"server": "granian"}, {"concurrency": 1}]


@pytest.fixture(params=SERVERS, ids=lambda settings: "-".join(map(str, settings.values())) or "default")
def served(request, start):
    return start(STREAMS, **request.param)


def arrivals(served, path: str) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    times = []
    while response.read1(65536):
        times.append(time.monotonic())
    connection.close()
    return times


def test_items_arrive_one_by_one(served) -> None:
    for path in ("/async", "/sync"):
        times = arrivals(served, path)
        assert len(times) == 4, path
        assert times[-1] - times[0] > 0.4
        assert served.logged(f"closed {path[1:]}")


def test_forms_of_streams(served) -> None:
    opened = served.get("/opened")
    assert (opened.status, opened.headers["content-type"]) == (202, "text/event-stream")
    assert (opened.headers["x-a"], opened.body) == ("1", b"data: 1\n\n")
    for path in ("/mixed/async", "/mixed/sync", "/wrapped"):
        assert served.get(path).body == b"ab", path
    assert served.get("/async", "HEAD").body == b""
    assert served.get("/sync").body.count(b"\n") == 4


def test_a_stream_that_fails_is_cut_off(served) -> None:
    for path in ("/broken/async", "/broken/sync"):
        raw = served.raw(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        head, _, body = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"x" * 10 in body
        assert not body.endswith(b"0\r\n\r\n"), "the client would take it for the whole"
        assert b"secret" not in raw
        assert served.logged("the reply broke off")
    assert served.get("/broken/first").status == 500
    assert served.get("/quick").body == b"quick"


def test_a_client_that_leaves_ends_the_stream(served) -> None:
    for how in ("async", "sync"):
        sock = served.connect()
        sock.sendall(f"GET /endless/{how} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert sock.recv(10)
        sock.close()
        assert served.logged(f"closed endless {how}"), served.log
    assert served.get("/quick").body == b"quick"
    assert "[ERROR]" not in served.log


def test_a_client_that_leaves_cancels_the_handler(served) -> None:
    sock = served.connect()
    sock.sendall(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
    assert served.logged("waiting")
    sock.close()
    assert served.logged("cleaned up")
    assert served.get("/quick").body == b"quick"
    assert "[ERROR]" not in served.log


def test_the_deadline_cancels_an_async_handler_shortly_before(served) -> None:
    for seconds, least in ((0.3, 0.25), (2.0, 1.75)):
        begun = time.monotonic()
        got = served.get("/wait", x_timeout=str(seconds))
        taken = time.monotonic() - begun
        assert (got.status, got.json["title"]) == (504, "Gateway Timeout")
        assert least <= taken < seconds + 0.3
        assert served.logged("cleaned up")
    assert served.logged("PF109") or served.logged("DeadlineError")


def test_the_deadline_ends_a_stream(served) -> None:
    raw = served.raw(b"GET /endless/async HTTP/1.1\r\nHost: h\r\nx-timeout: 0.5\r\n\r\n")
    assert not raw.endswith(b"0\r\n\r\n")
    assert served.logged("closed endless async")


def test_sync_work_that_overruns_is_504_and_goes_on(start) -> None:
    served = start(STREAMS, threads=1)
    got = served.get("/stubborn", x_timeout="0.5", x_id="mine")
    assert got.status == 504
    assert served.logged("a sync handler ended 0.")
    assert eventually(lambda: "request_id=mine" in served.log)
    # What waits for a thread when it is given up is never begun.
    assert served.get("/stubborn").body == b"late"
    assert served.get("/quick").body == b"quick"


def test_a_request_given_up_in_the_queue_is_not_begun(start) -> None:
    served = start(
        """
count = 0

@function(Http("GET", "/slow"))
def slow():
    global count
    count += 1
    time.sleep(0.8)
    return str(count)

@function(Http("GET", "/count"))
async def counted():
    return str(count)
""",
        threads=1,
    )
    first = served.connect()
    first.sendall(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
    assert eventually(lambda: served.get("/count").body == b"1")
    assert served.get("/slow", x_timeout="0.3").status == 504
    time.sleep(1)
    assert served.get("/count").body == b"1"
    first.close()
