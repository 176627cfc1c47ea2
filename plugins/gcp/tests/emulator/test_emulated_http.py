"""The front: what the container gets of a request, what the client gets of a response, and when."""

import asyncio
import json
import re

import httpx
import pytest

ECHO = """
    def handler(request):
        told = {"method": request.method, "target": request.target, "headers": request.headers}
        request.reply({**told, "body": request.body().decode("latin-1")})
    serve(handler)
    """


def named(told, name):
    return [value for key, value in told["headers"] if key.lower() == name.lower()]


async def raw(emulator, data, *, until=None):
    url = httpx.URL(emulator.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(data)
        return await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()


def test_a_request_arrives_as_it_was_sent(bench, run):
    data = (
        b"PATCH /a%2Fb//../c?x=%20&x=2&=&y HTTP/1.1\r\nHost: example.test:99\r\nX-b: 1\r\nx-A: \xe9\r\n"
        b"X-B: 2\r\nCookie: a=1\r\nCookie: b=2\r\nContent-Length: 3\r\nConnection: close, X-Hop\r\n"
        b"X-Hop: gone\r\nTE: trailers\r\nKeep-Alive: 5\r\n\r\nabc"
    )

    async def work():
        async with bench.emulate(bench.image(ECHO)) as emulator:
            return await raw(emulator, data)

    head, _, body = run(work()).partition(b"\r\n\r\n")
    told = json.loads(body)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert told["method"] == "PATCH"
    assert told["target"] == "/a%2Fb//../c?x=%20&x=2&=&y"
    assert told["body"] == "abc"
    assert told["headers"][:7] == [
        ["Host", "example.test:99"], ["X-b", "1"], ["x-A", "\xe9"], ["X-B", "2"],
        ["Cookie", "a=1"], ["Cookie", "b=2"], ["Content-Length", "3"],
    ]  # fmt: skip
    names = [name for name, _ in told["headers"][7:]]
    assert names == [
        "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "traceparent", "X-Cloud-Trace-Context",
    ]  # fmt: skip


def test_who_the_client_is(bench, run):
    async def work():
        async with bench.emulate(bench.image(ECHO), options={"proto": "https"}) as emulator:
            plain = (await emulator.http.get("/")).json()
            sent = {"X-Forwarded-For": "9.9.9.9", "Forwarded": "for=evil", "X-Forwarded-Proto": "ftp"}
            return plain, (await emulator.http.get("/", headers=sent)).json()

    plain, proxied = run(work())
    assert named(plain, "X-Forwarded-For") == ["127.0.0.1"]
    assert named(proxied, "X-Forwarded-For") == ["9.9.9.9,127.0.0.1"]
    for told in (plain, proxied):
        assert named(told, "X-Forwarded-Proto") == ["https"]
        assert named(told, "Forwarded") == ['for="127.0.0.1";proto=https']


def test_a_trace_goes_on_or_begins(bench, run):
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

    async def work():
        async with bench.emulate(bench.image(ECHO)) as emulator:
            sent = [
                {},
                {"traceparent": f"00-{trace}-{span}-00"},
                {"X-Cloud-Trace-Context": f"{trace}/1;o=1"},
                {"traceparent": "broken", "X-Cloud-Trace-Context": "too"},
            ]
            return [(await emulator.http.get("/", headers=headers)).json() for headers in sent]

    seen = []
    for told in run(work()):
        (parent,), (cloud,) = named(told, "traceparent"), named(told, "X-Cloud-Trace-Context")
        _, trace_id, span_id, flags = parent.split("-")
        assert cloud == f"{trace_id}/{int(span_id, 16)};o={int(flags)}"
        seen.append((trace_id, span_id, flags))
    assert seen[1][0] == seen[2][0] == trace
    assert [flags for _, _, flags in seen] == ["01", "00", "01", "01"]
    assert len({span_id for _, span_id, _ in seen} | {span}) == 5, "every request has a span of its own"
    assert trace not in (seen[0][0], seen[3][0])


def test_a_response_comes_back_as_it_was_sent(bench, run):
    source = """
        def handler(request):
            headers = [("X-a", "1"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-A", "caf\\xe9"),
                       ("Connection", "X-Private"), ("X-Private", "1"), ("Keep-Alive", "5")]
            request.reply(b"\\x00\\xff", 418, headers)
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return await raw(emulator, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    head, _, body = run(work()).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 418 I'm a Teapot", b"Content-Length: 2", b"X-a: 1", b"Set-Cookie: a=1",
        b"set-cookie: b=2", b"X-A: caf\xe9", b"Connection: close",
    ]  # fmt: skip
    assert body == b"\x00\xff"


def test_statuses_without_a_body_and_head(bench, run):
    source = """
        def handler(request):
            if request.method == "HEAD":
                request.wire.sendall(b"HTTP/1.1 200 X\\r\\nContent-Length: 1234\\r\\n\\r\\n")
            else:
                status = int(request.target[1:])
                request.wire.sendall(b"HTTP/1.1 100 C\\r\\n\\r\\nHTTP/1.1 103 E\\r\\nLink: x\\r\\n\\r\\n")
                request.wire.sendall(b"HTTP/1.1 %d X\\r\\nETag: x\\r\\n\\r\\n" % status)
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            answers = [await emulator.http.get(f"/{status}") for status in (204, 304)]
            return [*answers, await emulator.http.head("/")]

    no_content, not_modified, head = run(work())
    assert (no_content.status_code, no_content.content) == (204, b"")
    assert (not_modified.status_code, not_modified.headers["etag"]) == (304, "x")
    assert head.headers["content-length"] == "1234"


def test_both_bodies_stream(bench, run):
    source = """
        def handler(request):
            request.start(200, [("Trailer", "X-End")])
            for chunk in request.chunks():
                request.send(chunk.upper())
            request.finish([("X-End", "yes")])
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            url = httpx.URL(emulator.url)
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            seen = []
            for piece in (b"one", b"two"):
                writer.write(b"3\r\n%s\r\n" % piece)
                # The next one is sent only when this one has come back.
                seen.append(await reader.readuntil(b"\r\n" + piece.upper() + b"\r\n"))
            writer.write(b"0\r\n\r\n")
            seen.append(await reader.readuntil(b"yes\r\n\r\n"))
            writer.close()
            return seen

    assert run(work()) == [b"3\r\nONE\r\n", b"3\r\nTWO\r\n", b"0\r\nX-End: yes\r\n\r\n"]


def test_a_body_of_a_length_is_passed_on_before_it_is_complete(bench, run):
    source = """
        def handler(request):
            first = request.take(3)
            request.start()
            request.send(first)
            request.send(request.take(3))
            request.finish()
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            url = httpx.URL(emulator.url)
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
            await reader.readuntil(b"abc\r\n")
            writer.write(b"def")
            rest = await reader.readuntil(b"0\r\n\r\n")
            writer.close()
            return rest

    assert run(work()) == b"3\r\ndef\r\n0\r\n\r\n"


def test_an_answer_before_the_request_is_complete(bench, run):
    source = """
        def handler(request):
            request.reply("no", 413, [("Connection", "close")])
            request.wire.close()
            raise SystemExit
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            answers = [await emulator.http.post("/", content=bytes(3 << 20)) for _ in range(3)]
            return [answer.status_code for answer in answers]

    # What was not read makes the container's connection break, which may eat its answer.
    assert set(run(work())) <= {413, 503}


def test_expect_100_continue(bench, run):
    async def work():
        async with bench.emulate(bench.image(ECHO)) as emulator:
            url = httpx.URL(emulator.url)
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"ab")
            rest = await reader.readuntil(b"}")
            writer.close()
            return head, json.loads(rest.partition(b"\r\n\r\n")[2])

    head, told = run(work())
    assert head.startswith(b"HTTP/1.1 100 ")
    assert told["body"] == "ab"
    assert named(told, "Expect") == []


@pytest.mark.parametrize("size", [200_000, 900_000])
def test_huge_headers_pass(bench, run, size):
    source = f"""
        def handler(request):
            request.reply(str(len(request.header("x-large"))), 200, [("X-Large", "y" * {size})])
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            head = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Large: " + b"x" * size
            return await raw(emulator, head + b"\r\n\r\n")

    head, _, body = run(work()).partition(b"\r\n\r\n")
    assert body == str(size).encode()
    assert b"y" * size in head


@pytest.mark.parametrize(
    "bytes_",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 << 20) + b"\r\n\r\n",
        b"",
    ],
)
def test_what_is_no_http_is_503(bench, run, bytes_):
    (bench.root / "answer").write_bytes(bytes_)
    source = f"""
        answer = open({str(bench.root / "answer")!r}, "rb").read()
        def handler(request):
            request.wire.sendall(answer)
            request.wire.close()
            raise SystemExit
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return await emulator.http.get("/")

    answer = run(work())
    assert (answer.status_code, answer.text) == (503, "Service Unavailable")
    assert bench.having("the HTTP response was malformed or connection to the instance had an error")


def test_a_response_of_http_1_0_ends_with_its_connection(bench, run):
    source = """
        import http.server
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"old")
        http.server.HTTPServer(("", PORT), Handler).serve_forever()
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return [(await emulator.http.get("/")).content for _ in range(3)]

    assert run(work()) == [b"old"] * 3


def test_connections_to_the_container_are_kept(bench, run):
    source = """
        seen = []
        def handler(request):
            if id(request.wire) not in seen:
                seen.append(id(request.wire))
            request.reply([seen.index(id(request.wire)), request.wire.getpeername()[0]])
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source), options={"cpu": "always"}) as emulator:
            return [(await emulator.http.get("/")).json() for _ in range(5)]

    # The address is none that a server trusts to be its own proxy's.
    assert run(work()) == [[0, "127.0.0.3"]] * 5


@pytest.mark.parametrize(("size", "status"), [(32 << 20, 200), ((32 << 20) + 1, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_may_have_32_mib(bench, run, size, status, chunked):
    source = """
        def handler(request):
            request.reply(str(sum(map(len, request.chunks()))))
        serve(handler)
        """

    async def content():
        for start in range(0, size, 1 << 20):
            yield bytes(min(1 << 20, size - start))

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return await emulator.http.post("/", content=content() if chunked else bytes(size))

    answer = run(work())
    assert answer.status_code == status
    assert answer.text == (str(size) if status == 200 else "Request Entity Too Large")


def test_only_a_streamed_response_may_have_more_than_32_mib(bench, run):
    source = """
        def handler(request):
            if request.target == "/stream":
                request.start()
                for _ in range(33):
                    request.send(bytes(1 << 20))
                request.finish()
            else:
                request.reply(bytes((32 << 20) + 1))
        serve(handler)
        """

    async def work():
        async with bench.emulate(bench.image(source)) as emulator:
            return [await emulator.http.get(path) for path in ("/stream", "/whole")]

    streamed, whole = run(work())
    assert (streamed.status_code, len(streamed.content)) == (200, 33 << 20)
    assert whole.status_code == 500
    assert bench.having("Response size was too large")


def test_every_request_is_logged(bench, run):
    async def work():
        async with bench.emulate(bench.image(ECHO)) as emulator:
            await emulator.http.post("/a?b=c", content=b"x", headers={"User-Agent": "probe/1"})
            return emulator.url

    url = run(work())
    (line,) = bench.having("probe/1")
    assert re.fullmatch(rf"POST 200 \d+ B \d+ ms probe/1 {url}/a\?b=c", line)
