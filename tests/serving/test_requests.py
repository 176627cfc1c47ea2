"""Requests and replies over real connections."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving.conftest import Served, drained

BASIC = """
@function(Http("GET", "/hello"))
async def hello(request: Request):
    return {"message": "hello"}

@function(Http("GET", "/sync/{name}"))
def sync(request: Request, context: Context):
    return {"name": request.params["name"], "thread": threading.current_thread() is threading.main_thread(),
            "function": context.function}

@function(Http("POST", "/echo"))
async def echo(request: Request):
    return Response(request.body, headers={"x-query": request.raw_query}, content_type="text/x")

@function(Http("GET", "/facts"))
async def facts(request: Request):
    return {"method": request.method, "path": request.path, "raw_path": request.raw_path,
            "query": request.query.items(), "cookies": request.cookies, "client": request.client,
            "scheme": request.scheme, "host": request.host, "twice": request.headers.all("x-twice")}

@function(Http("GET", "/files/{path...}"))
def files(request: Request):
    return request.params

@function(Http("GET", "/files/special"))
def special():
    return "special"

@function(Http("PUT", "/files/{name}"))
def put(request: Request):
    return (201, request.params)

@function(Http("GET", "/cookies"))
def cookies():
    response = Response("ok", headers=[("x-many", "1"), ("x-many", "2")])
    response.set_cookie("a", "1", path="/")
    response.set_cookie("b", "2", http_only=True)
    return response

@function
def greet(event: dict):
    return {"hello": event.get("name", "nobody")}

@function(Http("GET", "/fail/{how}"))
def fail(request: Request):
    how = request.params["how"]
    if how == "error":
        raise ValueError("secret-text")
    if how == "http":
        raise HTTPError(418, "short and stout")
    if how == "exit":
        sys.exit("secret-text")
    if how == "stop":
        raise StopIteration("secret-text")
    if how == "json":
        return {"a": object()}
    if how == "status":
        return (101, "x")
    if how == "header":
        return Response("x", headers={"x-bad": "a\\x01b"})
    if how == "name":
        return Response("x", headers={"x(bad)": "b"})
    if how == "length":
        return Response("x", headers={"content-length": "7"})
    if how == "unicode":
        return Response("x", headers={"x-name": "na\\u00efve \\u2713"})

@function(Http("GET", "/async-fail/{how}"))
async def async_fail(request: Request):
    how = request.params["how"]
    if how == "error":
        raise ValueError("secret-text")
    if how == "exit":
        sys.exit("secret-text")
    if how == "cancel":
        raise asyncio.CancelledError
"""


@pytest.fixture(params=["uvicorn", "granian"])
def basic(request, start) -> Served:
    return start(BASIC, server=request.param)


def test_async_and_sync_handlers_answer(basic) -> None:
    assert basic.get("/hello").json == {"message": "hello"}
    assert basic.get("/sync/a%2Fb").json == {"name": "a/b", "thread": False, "function": "sync"}
    assert basic.get("/cookies").headers.get_all("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly"]
    assert basic.get("/cookies").headers.get_all("x-many") == ["1", "2"]


def test_a_request_arrives_as_it_was_sent(basic) -> None:
    got = basic.get("/facts?a=1&a=%20&b", Cookie="s=1; t=2", **{"X-Twice": "x"}).json
    assert got["query"] == [["a", "1"], ["a", " "], ["b", ""]]
    assert (got["cookies"], got["client"], got["scheme"]) == ({"s": "1", "t": "2"}, "127.0.0.1", "http")
    assert got["host"] == f"127.0.0.1:{basic.port}"
    assert got["twice"] == ["x"]
    raw = basic.raw(
        b"GET /facts HTTP/1.1\r\nHost: h\r\nX-Twice: 1\r\nx-twice: 2\r\nConnection: close\r\n\r\n"
    )
    assert b'"twice":["1","2"]' in raw
    assert b"\r\ndate: " in raw.lower()


def test_bodies_of_every_framing(basic) -> None:
    assert basic.get("/echo?q=%41", "POST", b"\0" * 300_000).body == b"\0" * 300_000
    assert basic.get("/echo?q=%41", "POST", b"x").headers["x-query"] == "q=%41"
    assert basic.get("/echo", "POST").body == b""
    # An iterator is sent chunked.
    assert basic.get("/echo", "POST", iter([b"a" * 70_000, b"b"])).body == b"a" * 70_000 + b"b"


def test_a_body_above_the_limit_is_413(basic) -> None:
    told = basic.raw(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000001\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in told
    with basic.connect() as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(20):
                sock.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        told = drained(sock)
    # A client that goes on sending may see the connection end before the reply.
    assert told.startswith(b"HTTP/1.1 413 ") or told == b""
    assert basic.get("/hello").status == 200


def test_routes(basic) -> None:
    assert basic.get("/files/special").body == b"special"
    assert basic.get("/files/a/b%20c").json == {"path": "a/b c"}
    assert basic.get("/files/other", "PUT").status == 201
    refused = basic.get("/files/other", "DELETE")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, PUT")
    assert basic.get("/nowhere").status == 404
    options = basic.get("/hello", "OPTIONS")
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    head = basic.get("/hello", "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "19")


def test_a_call_function_is_at_its_name_and_at_the_root(basic) -> None:
    for path in ("/", "/greet"):
        assert basic.get(path, "POST", b'{"name": "Ada"}').json == {"hello": "Ada"}
        assert basic.get(path, "POST").json == {"hello": "nobody"}
    assert basic.get("/greet", "POST", b"{").status == 400


@pytest.mark.parametrize("path", [
    "/fail/error", "/fail/exit", "/fail/stop", "/fail/json", "/fail/status", "/fail/header", "/fail/name",
    "/fail/length", "/async-fail/error", "/async-fail/exit", "/async-fail/cancel",
])  # fmt: skip
def test_no_failure_tells_the_client_why(start, path) -> None:
    served = start(BASIC)
    got = served.get(path)
    assert got.status == 500
    assert b"secret" not in got.body
    assert got.json["title"] == "Internal Server Error"
    assert served.logged("[ERROR]")
    assert served.get("/hello").status == 200
    assert served.stop() == 0


def test_what_a_client_may_know(basic) -> None:
    assert basic.get("/fail/http").json["detail"] == "short and stout"
    assert basic.get("/fail/unicode").headers["x-name"].encode("latin-1").decode() == "naïve ✓"


def test_kept_connections_and_pipelines(basic) -> None:
    one = b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
    last = b"GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert basic.raw(one + one + last).count(b'{"message":"hello"}') == 3


def test_sync_handlers_run_side_by_side(start) -> None:
    served = start("""
@function(Http("GET", "/"))
def slow():
    time.sleep(1)
    return "done"
""")
    begun = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        assert [one.body for one in pool.map(lambda _: served.get("/"), range(10))] == [b"done"] * 10
    assert time.monotonic() - begun <= 2


def test_threads_and_concurrency_are_bounded_and_others_wait(start) -> None:
    code = """
running = most = 0
lock = threading.Lock()

def enter():
    global running, most
    with lock:
        running += 1
        most = max(most, running)

def leave():
    global running
    with lock:
        running -= 1

@function(Http("GET", "/sync"))
def sync():
    enter()
    time.sleep(0.1)
    leave()
    return {"most": most}

@function(Http("GET", "/async"))
async def coroutine():
    enter()
    await asyncio.sleep(0.1)
    leave()
    return {"most": most}
"""
    for path, settings, most in (
        ("/sync", {"threads": 3}, 3), ("/sync", {"concurrency": 2}, 2), ("/async", {"concurrency": 2}, 2),
        ("/sync", {"concurrency": 1}, 1), ("/async", {"concurrency": 1}, 1),
    ):  # fmt: skip
        served = start(code, **settings)
        with ThreadPoolExecutor(9) as pool:
            got = [one.json["most"] for one in pool.map(lambda _, s=served, p=path: s.get(p), range(9))]
        assert max(got) == most, (path, settings)


def test_a_thousand_slow_requests_at_once(start) -> None:
    served = start("""
@function(Http("GET", "/"))
async def slow():
    await asyncio.sleep(2)
    return "done"
""")
    socks: list[socket.socket] = []
    begun = time.monotonic()
    for _ in range(1000):
        socks.append(served.connect(60))
        socks[-1].sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    got = [drained(sock) for sock in socks]
    for sock in socks:
        sock.close()
    assert sum(one.endswith(b"done") for one in got) == 1000
    assert time.monotonic() - begun < 20


def test_the_loop_is_never_blocked_by_a_sync_handler(start) -> None:
    served = start("""
@function(Http("GET", "/slow"))
def slow():
    time.sleep(1.5)

@function(Http("GET", "/quick"))
async def quick():
    return "quick"
""")
    slow = threading.Thread(target=served.get, args=("/slow",))
    slow.start()
    begun = time.monotonic()
    for _ in range(20):
        served.get("/quick")
    assert time.monotonic() - begun < 1.2
    slow.join()


def test_context_variables_reach_threads_and_belong_to_one_request(start) -> None:
    served = start("""
from polyfn.runtime import current
mine = contextvars.ContextVar("mine", default="nobody")

@function(Http("GET", "/sync"))
def sync(request: Request):
    before = mine.get()
    mine.set(request.raw_query)
    time.sleep(0.02)
    return [before, mine.get(), current.request.get().request_id]

@function(Http("GET", "/stream"))
def stream(request: Request):
    mine.set(request.raw_query)
    names = set()
    for _ in range(3):
        names.add(threading.get_ident())
        yield mine.get() + " "
    yield str(len(names))
""")
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: served.get(f"/sync?{n}", x_id=f"id-{n}").json, range(40)))
    assert got == [["nobody", str(n), f"id-{n}"] for n in range(40)]
    assert served.get("/stream?7").body == b"7 7 7 1"


def test_a_sync_handler_may_run_a_loop_of_its_own(start) -> None:
    code = """
@function(Http("GET", "/"))
def sync():
    async def inside():
        await asyncio.sleep(0.01)
        return "inside"
    return asyncio.run(inside())

@function(Http("GET", "/task"))
async def task():
    return asyncio.current_task() is not None
"""
    for settings in ({}, {"concurrency": 1}, {"concurrency": 1, "loop": "uvloop"}):
        served = start(code, **settings)
        assert served.get("/").body == b"inside"
        assert served.get("/task").body == b"true"
        assert served.get("/").body == b"inside"


def test_deferred_work_runs_after_the_reply(start) -> None:
    served = start("""
@function(Http("GET", "/"))
def handler(request: Request, context: Context):
    def sync():
        time.sleep(0.3)
        print("sync", threading.current_thread() is threading.main_thread())
    async def coroutine():
        await asyncio.sleep(0.1)
        print("async")
        raise ValueError("in deferred work")
    context.defer(sync)
    context.defer(coroutine)
    context.defer(lambda: print("last"))
    return "replied"
""")
    begun = time.monotonic()
    assert served.get("/").body == b"replied"
    assert time.monotonic() - begun < 0.25
    assert served.logged("last")
    lines = [line for line in served.log.splitlines() if line in ("sync False", "async", "last")]
    assert lines == ["sync False", "async", "last"]
    assert "[ERROR] deferred work failed" in served.log


def test_messages_are_delivered_to_async_and_sync_handlers(start) -> None:
    served = start("""
@function(Queue("q", concurrency=3))
async def tasks(message: Message[dict]):
    await asyncio.sleep(0.1)
    if message.data.get("fail"):
        raise ValueError("secret-text")

@function(Queue("q"))
def threads(message: Message[dict]):
    if message.data.get("fail"):
        raise polyfn.Retry("again")
    if message.data.get("drop"):
        raise polyfn.Drop("no use")

@function(Queue("q"))
async def batch(batch: polyfn.Batch[dict]):
    for message in batch:
        with message:
            if message.data.get("fail"):
                raise ValueError
""")
    body = b'[{}, {"fail": true}, {"drop": true}, {}]'
    for name in ("tasks", "threads", "batch"):
        assert served.get(f"/deliver/{name}", "POST", body).json == ["m1"], name
    late = served.get("/deliver/tasks", "POST", b"[" + b"{}," * 40 + b"{}]", x_timeout="0.5")
    assert late.status == 200
    assert 0 < len(late.json) < 41
