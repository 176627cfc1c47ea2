"""HTTP to a handler: in the envelope, forwarded, proxied; keys; what clients get."""

import asyncio
import json
import socket

import pytest

from .conftest import HTTP

JSON = '[("Content-Type", "application/json")]'
#: Prints what it gets, and answers what the query asks for.
SHOWS = """
def handler(request):
    if request.target == "/":
        return request.reply("ok")
    body = request.body()
    told = {"method": request.method, "target": request.target, "headers": request.headers,
            "body": body.decode("latin-1")}
    print(json.dumps(told), flush=True)
    answer(request, body)
serve(handler)
"""
PASSES = """
def answer(request, body):
    request.reply(b"\\xff\\x00", 201, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
"""
PROXY = {"customHandler": {"enableProxyingHttpRequest": True}}
FORWARD = {"customHandler": {"enableForwardingHttpRequest": True}}


def reply(told: str) -> str:
    return f"def answer(request, body): request.reply({told}, 200, {JSON})\n"


def last(bench):
    told = bench.told()[-1]
    told["headers"] = [(name, value) for name, value in told["headers"]]
    return told


def header(told, name):
    return [value for key, value in told["headers"] if key.lower() == name.lower()]


def test_the_envelope_on_the_wire(bench, run):
    app = bench.app(reply('{"Outputs": {"res": {"statusCode": 201, "body": "hi"}}}') + SHOWS)

    async def work(**options):
        async with bench.emulate(app, options=options) as emulator:
            return await emulator.http.post("/api/hello?a=1&b=x&a=2", json={"n": 1}, headers={"X-A": "1"})

    answer = run(work())
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        201, "hi", "text/plain; charset=utf-8",
    )  # fmt: skip
    told = last(bench)
    assert (told["method"], told["target"]) == ("POST", "/hello")
    assert header(told, "Transfer-Encoding") == ["chunked"]
    assert header(told, "Content-Length") == []
    assert header(told, "Content-Type") == ["application/json; charset=utf-8"]
    assert header(told, "X-Azure-Functions-HostVersion") == ["4.1052.200.0"]
    assert header(told, "User-Agent") == ["Azure-Functions-Host/4.1052.200.0"]
    assert len(header(told, "X-Azure-Functions-InvocationId")[0]) == 36
    assert header(told, "x-ms-invocation-id") == []
    assert header(told, "traceparent")[0].endswith("-00")
    body = json.loads(told["body"])
    request = body["Data"]["req"]
    assert list(request) == ["Url", "Method", "Query", "Headers", "Params", "Identities", "Body"]
    assert request["Method"] == "POST"
    assert request["Url"].endswith("/api/hello?a=1&b=x&a=2")
    assert request["Query"] == {"a": "1,2", "b": "x"}
    assert json.loads(request["Body"]) == {"n": 1}
    assert {name.lower(): value for name, value in request["Headers"].items()}["x-a"] == ["1"]
    assert body["Metadata"]["n"] == '"1"'
    assert body["Metadata"]["a"] == '"1,2"'
    assert body["Metadata"]["Query"] == {"a": "1,2", "b": "x"}
    run(work(body="length"))
    told = last(bench)
    assert header(told, "Transfer-Encoding") == []
    assert header(told, "Content-Length") == [str(len(told["body"]))]


@pytest.mark.parametrize(("kind", "sent", "got"), [
    ("application/octet-stream", b"\xff\x00", "/wA="), ("multipart/form-data; boundary=x", b"--x", "LS14"),
    ("image/png", b"\xff\x00", "\ufffd\x00"), ("text/plain", "ü".encode(), "ü"),
])  # fmt: skip
def test_bodies_in_the_envelope(bench, run, kind, sent, got):
    app = bench.app(reply('{"Outputs": {}}') + SHOWS)

    async def work():
        async with bench.emulate(app) as emulator:
            await emulator.http.post("/api/hello", content=sent, headers={"Content-Type": kind})

    run(work())
    assert json.loads(last(bench)["body"].encode("latin-1"))["Data"]["req"]["Body"] == got


def test_what_comes_in_chunks_is_lost_in_the_envelope(bench, run):
    app = bench.app(reply('{"Outputs": {}}') + SHOWS)

    async def pieces():
        yield b"some"

    async def work():
        async with bench.emulate(app) as emulator:
            await emulator.http.post("/api/hello", content=pieces())

    run(work())
    assert "Body" not in json.loads(last(bench)["body"])["Data"]["req"]


def test_route_parameters(bench, run):
    bindings = [{**HTTP[0], "route": "orders/{id:int}", "methods": ["get"]}, HTTP[1]]
    app = bench.app(
        reply('{"Outputs": {}}') + SHOWS, {"hello": bindings}, extensions={"http": {"routePrefix": ""}}
    )

    async def work():
        async with bench.emulate(app) as emulator:
            found = await emulator.http.get("/orders/7")
            return found.status_code, (await emulator.http.get("/orders/x")).status_code

    assert run(work()) == (200, 404)
    body = json.loads(last(bench)["body"])
    assert body["Data"]["req"]["Params"] == {"id": "7"}
    assert body["Metadata"]["id"] == '"7"'


@pytest.mark.parametrize(("source", "words"), [
    ('request.reply("no", 404, [("Content-Type", "application/json")])', "does not indicate success: 404"),
    ('request.reply("{}", 200, [("Content-Type", "text/plain")])', "No MediaTypeFormatter"),
    ('request.reply("{", 200, [("Content-Type", "application/json")])', "the reply is not JSON"),
    ('request.reply("[]", 200, [("Content-Type", "application/json")])', "no object with Outputs"),
    ('request.wire.close()', "the handler gave no answer"),
    ('request.reply("", 302, [("Location", "https://example.com/")])', "redirects to https://example.com/"),
    ('request.reply({"Outputs": {"res": "Blah"}}, 200, [("Content-Type", "application/json")])', "is text"),
])  # fmt: skip
def test_failures_in_the_envelope(bench, run, source, words):
    app = bench.app(f"def answer(request, body): {source}\n{SHOWS}")

    async def work():
        async with bench.emulate(app) as emulator:
            return await emulator.http.get("/api/hello")

    answer = run(work())
    assert (answer.status_code, answer.content) == (500, b"")
    assert bench.having(words)


def test_redirects_are_followed_in_the_envelope(bench, run):
    source = f"""
    def answer(request, body):
        if request.target == "/hello":
            return request.reply("", 302, [("Location", "/other")])
        request.reply({{"Outputs": {{"res": {{"body": request.method + request.target}}}}}}, 200, {JSON})
    """
    app = bench.app(__import__("textwrap").dedent(source) + SHOWS)

    async def work():
        async with bench.emulate(app) as emulator:
            return (await emulator.http.post("/api/hello")).text

    assert run(work()) == "GET/other"


def test_forwarding(bench, run):
    app = bench.app(f"{PASSES}\n{SHOWS}", **FORWARD)

    async def work():
        async with bench.emulate(app) as emulator:
            url = "/api/hello?a=1&a=2&b=x%20y"
            return await emulator.http.put(url, content=b"\xff", headers={"User-Agent": "me", "X-A": "1"})

    answer = run(work())
    assert (answer.status_code, answer.content) == (201, b"\xff\x00")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    told = last(bench)
    assert (told["method"], told["target"], told["body"]) == ("PUT", "/api/hello?a=1%2C2&b=x%20y", "\xff")
    assert header(told, "User-Agent") == ["me Azure-Functions-Host/4.1052.200.0"]
    assert header(told, "X-Azure-Functions-InvocationId")
    assert header(told, "x-ms-invocation-id") == []
    assert header(told, "X-A") == ["1"]


@pytest.mark.parametrize("forwards", [True, False])
def test_a_host_that_knows_no_proxying(bench, run, forwards):
    handler = {"enableProxyingHttpRequest": True, "enableForwardingHttpRequest": forwards}
    app = bench.app(f"{PASSES}\n{SHOWS}", customHandler=handler)

    async def work():
        async with bench.emulate(app, options={"proxying": "off"}) as emulator:
            await emulator.http.put("/api/hello?a=1&a=2", content=b"\xff")

    run(work())
    told = last(bench)
    assert header(told, "x-ms-invocation-id") == []
    assert (told["method"], told["target"]) == (
        ("PUT", "/api/hello?a=1%2C2") if forwards else ("POST", "/hello")
    )
    assert ("Data" in told["body"]) is not forwards


def test_forwarding_passes_redirects_and_errors(bench, run):
    source = (
        'def answer(request, body): request.reply("moved", 302, [("Location", "https://example.com/")])\n'
    )
    app = bench.app(source + SHOWS, **FORWARD)

    async def work():
        async with bench.emulate(app) as emulator:
            return await emulator.http.get("/api/hello")

    answer = run(work())
    assert (answer.status_code, answer.headers["location"], answer.text) == (
        302,
        "https://example.com/",
        "moved",
    )
    assert bench.having("Executed 'Functions.hello' (Succeeded")


def test_proxying(bench, run):
    app = bench.app(
        f"{PASSES}\n{SHOWS}", customHandler={**PROXY["customHandler"], **FORWARD["customHandler"]}
    )

    async def pieces():
        yield b"some"
        yield b"\xff"

    async def work():
        async with bench.emulate(app) as emulator:
            forged = {"x-ms-invocation-id": "forged", "X-Azure-Functions-InvocationId": "forged"}
            return await emulator.http.put("/api/hello?a=1&a=2&b=x%20y", content=pieces(), headers=forged)

    answer = run(work())
    assert (answer.status_code, answer.content) == (201, b"\xff\x00")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    told = last(bench)
    assert (told["target"], told["body"]) == ("/api/hello?a=1&a=2&b=x%20y", "some\xff")
    assert header(told, "Transfer-Encoding") == ["chunked"]
    (invocation,) = header(told, "x-ms-invocation-id")
    assert invocation != "forged"
    assert header(told, "X-Azure-Functions-InvocationId") == [invocation]


def test_a_proxied_function_streams_both_ways(bench, run):
    source = """
    def handler(request):
        if request.target == "/":
            return request.reply("ok")
        request.start(200, [("Content-Type", "text/event-stream")])
        for chunk in request.chunks():
            request.send(b"data: " + chunk + b"\\n\\n")
        request.finish()
    serve(handler)
    """
    app = bench.app(source, **PROXY)

    async def work():
        seen: asyncio.Queue = asyncio.Queue()

        async def pieces():
            for piece in (b"one", b"two", b"three"):
                yield piece
                # The next piece is sent only once the answer to this one has come.
                assert await asyncio.wait_for(seen.get(), 5) == b"data: " + piece + b"\n\n"

        async with bench.emulate(app) as emulator:
            async with emulator.http.stream("POST", "/api/hello", content=b"") as answer:
                assert answer.headers["content-type"] == "text/event-stream"
            reader, writer = await asyncio.open_connection("127.0.0.1", int(emulator.url.rsplit(":", 1)[1]))
            writer.write(b"POST /api/hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")

            async def read():
                await reader.readuntil(b"\r\n\r\n")
                while size := int((await reader.readline()).strip(), 16):
                    seen.put_nowait(await reader.readexactly(size))
                    await reader.readline()

            reading = asyncio.create_task(read())
            async for piece in pieces():
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            writer.write(b"0\r\n\r\n")
            await asyncio.wait_for(reading, 5)
            writer.close()

    run(work())


def test_nothing_for_too_long_ends_a_proxied_exchange(bench, run):
    source = """
    def handler(request):
        if request.target == "/":
            return request.reply("ok")
        if "begun" in request.target:
            request.start()
            request.send(b"some")
        time.sleep(30)
    serve(handler)
    """
    app = bench.app(source, {"hello": HTTP, "begun": HTTP}, **PROXY)

    async def work():
        async with bench.emulate(app, options={"idle-timeout": "0.3"}) as emulator:
            answer = await emulator.http.get("/api/hello")
            with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|reset|disconnected"):
                await emulator.http.get("/api/begun")
            return answer.status_code

    assert run(work()) == 504
    assert len(bench.having("nothing passed for 0.3 s")) == 2


def test_a_client_that_leaves_is_no_failure(bench, run):
    source = """
    def handler(request):
        if request.target == "/":
            return request.reply("ok")
        request.wire.settimeout(5)
        print(json.dumps({"closed": request.wire.recv(1) == b""}), flush=True)
    serve(handler)
    """
    app = bench.app(source, **PROXY)

    async def work():
        async with bench.emulate(app) as emulator:
            with socket.create_connection(("127.0.0.1", int(emulator.url.rsplit(":", 1)[1]))) as client:
                client.sendall(b"GET /api/hello HTTP/1.1\r\nHost: x\r\n\r\n")
                await bench.until(lambda: bench.having("Executing"))
                await asyncio.sleep(0.3)
            await bench.until(lambda: bench.having("closed"))

    run(work())
    assert bench.told() == [{"closed": True}]
    assert bench.having("the client left")
    assert bench.having("(Succeeded")


def test_http_with_another_output_is_never_proxied(bench, run):
    bindings = [*HTTP, {"name": "audit", "type": "queue", "direction": "out", "queueName": "audit"}]
    app = bench.app(
        reply('{"Outputs": {"res": {"body": "x"}, "audit": "dGVzdA=="}}') + SHOWS,
        {"hello": bindings}, **PROXY,
    )  # fmt: skip

    async def work():
        async with bench.emulate(app) as emulator:
            answer = await emulator.http.get("/api/hello")
            invoked = await emulator.invoke(b'{"method": "GET", "path": "/api/hello"}')
            return answer, invoked

    answer, invoked = run(work())
    assert answer.status_code == 200
    assert last(bench)["target"] == "/hello"
    (sent,) = invoked.report["outputs"]
    assert sent == {
        "binding": "audit", "type": "queue", "target": "audit", "text": "test", "base64": "dGVzdA==",
        "written": False,
    }  # fmt: skip


@pytest.mark.parametrize(("level", "given", "status"), [
    ("function", {}, 401), ("function", {"x-functions-key": "f"}, 200),
    ("function", {"x-functions-key": "m"}, 200),
    ("function", {"x-functions-key": "x"}, 401), ("admin", {"x-functions-key": "f"}, 401),
    ("admin", {"x-functions-key": "m"}, 200), ("anonymous", {}, 200), (None, {}, 401),
])  # fmt: skip
def test_keys(bench, run, level, given, status):
    trigger = {key: value for key, value in HTTP[0].items() if key != "authLevel"}
    if level is not None:
        trigger["authLevel"] = level
    app = bench.app(f"{PASSES}\n{SHOWS}", {"hello": [trigger, HTTP[1]]}, **FORWARD)

    async def work():
        async with bench.emulate(app, options={"key": "f", "master-key": "m"}) as emulator:
            by_header = (await emulator.http.get("/api/hello", headers=given)).status_code
            code = given.get("x-functions-key")
            by_query = (
                await emulator.http.get("/api/hello", params={"code": code} if code else {})
            ).status_code
            return by_header, by_query

    wanted = 201 if status == 200 else status
    assert run(work()) == (wanted, wanted)


def test_keys_that_were_made_up_are_told(bench, run):
    app = bench.app(
        f"{PASSES}\n{SHOWS}", {"hello": [{**HTTP[0], "authLevel": "function"}, HTTP[1]]}, **FORWARD
    )

    async def work():
        async with bench.emulate(app) as emulator:
            key = bench.having("x-functions-key")[0].partition("x-functions-key: ")[2].split()[0]
            return (await emulator.http.get("/api/hello", headers={"x-functions-key": key})).status_code

    assert run(work()) == 201


def test_identity_of_a_key(bench, run):
    app = bench.app(reply('{"Outputs": {}}') + SHOWS, {"hello": [{**HTTP[0], "authLevel": "admin"}, HTTP[1]]})

    async def work():
        async with bench.emulate(app, options={"master-key": "m"}) as emulator:
            await emulator.http.get("/api/hello?code=m")

    run(work())
    body = json.loads(last(bench)["body"])
    (identity,) = body["Data"]["req"]["Identities"]
    # azfunc: WebJobsAuthLevel, one claim whose value is the level
    assert (identity["AuthenticationType"], identity["IsAuthenticated"]) == ("WebJobsAuthLevel", True)
    assert [claim["Value"] for claim in identity["Claims"]] == ["Admin"]
    assert "code" not in body["Metadata"]


def test_routes_of_host_json(bench, run):
    handler = {
        "http": {
            "routes": [{"route": "{*route}"}],
            "defaultAuthorizationLevel": "anonymous",
            "enableProxying": True,
        }
    }
    app = bench.app(f"{PASSES}\n{SHOWS}", customHandler=handler, extensions={"http": {"routePrefix": ""}})
    (app / "hello" / "function.json").unlink()

    async def work():
        async with bench.emulate(app) as emulator:
            return (await emulator.http.get("/any/thing?x=1")).status_code

    assert run(work()) == 201
    assert last(bench)["target"] == "/any/thing?x=1"


def test_what_the_host_keeps_to_itself(bench, run):
    app = bench.app(f"{PASSES}\n{SHOWS}", **FORWARD)

    async def work():
        async with bench.emulate(app) as emulator:
            paths = ("/", "/admin/host/ping", "/admin/functions/hello", "/api/none")
            return [(await emulator.http.get(path)).status_code for path in paths]

    assert run(work()) == [200, 200, 401, 404]


@pytest.mark.parametrize("host", [{}, FORWARD, PROXY])
def test_odd_requests_harm_nothing(bench, run, host):
    app = bench.app(f"{PASSES}\n{SHOWS}", **host)

    def told(port: int, sent: bytes, *, leaves: bool = False) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(sent)
            if leaves:
                client.shutdown(socket.SHUT_WR)
            return client.recv(100)

    async def work():
        async with bench.emulate(app) as emulator:
            port = int(emulator.url.rsplit(":", 1)[1])
            star = await asyncio.to_thread(told, port, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
            short = b"POST /api/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
            cut = await asyncio.to_thread(told, port, short, leaves=True)
            return star, cut, (await emulator.http.get("/")).status_code

    star, cut, status = run(work())
    assert star.startswith(b"HTTP/1.1 404")
    assert cut == b""
    assert status == 200
