"""The whole of it: a process that the host dials, its transports on one port, and how it ends."""

import json
import signal
import socket
import threading
import time

import pytest

HOUSE = """
    import asyncio, time
    from polyfn import Drop, Http, Message, Queue, Request, Retry, Schedule

    @polyfn.function
    def hello(event: dict, context): return {"hello": event.get("name"), "in": context.function}

    @polyfn.function(Http("GET", "/orders/{id}"))
    async def show(request: Request):
        return {"id": request.params["id"], "base": request.base_path, "a": request.query.all("a")}

    @polyfn.function(Http("POST", "/echo"))
    def echo(request: Request): return request.body

    @polyfn.function(Queue("orders"))
    def fulfil(message: Message, context):
        print("fulfil", message.text, message.attempt, context.request_id)
        if message.text == "retry": raise Retry("later")
        if message.text == "drop": raise Drop("enough")
        if message.text == "fail": raise ValueError("s3cr3t")
        context.native.outputs["audit"] = message.text

    @polyfn.function(Schedule("* * * * *"))
    async def tick(tick): print("tick")

    @polyfn.function
    async def slow(event):
        await asyncio.sleep(1)
        return "done"

    @polyfn.function
    def slow_sync(event):
        time.sleep(1)
        return "done"
"""
NAMES = ("hello", "show", "echo", "fulfil", "tick", "slow", "slow_sync")
AUDIT = {"functions": {"fulfil": {"outputs": [{"name": "audit", "type": "queue", "queueName": "audit"}]}}}
ID = "5c1a2b3c-0000-4000-8000-000000000001"
TIMER = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}


@pytest.fixture
def house(launch):
    return launch(HOUSE, *NAMES, **AUDIT).wait()


@pytest.mark.parametrize("chunked", [True, False])
def test_three_transports_and_pings_on_one_port(house, chunked):
    answer = house.proxied("GET", "/orders/7?a=1&a=2")
    assert answer.text == '{"id":"7","base":"","a":["1","2"]}'
    assert house.forwarded("POST", "/hello", {"name": "Ada"}).text == '{"hello":"Ada","in":"hello"}'
    answer = house.invoke("fulfil", {"message": '"1234"'}, {"DequeueCount": "2"}, chunked=chunked)
    assert answer.status == 200
    assert answer.getheader("content-type") == "application/json; charset=utf-8"
    assert json.loads(answer.raw) == {"Outputs": {"audit": "MTIzNA=="}, "Logs": [], "ReturnValue": None}
    answer = house.invoke("tick", {"timer": TIMER}, chunked=chunked)
    assert answer.text == '{"Outputs":null,"Logs":[],"ReturnValue":null}'
    assert (house.ask("GET", "/").status, house.ask("GET", "/").raw) == (200, b"")
    assert house.proxied("POST", "/fulfil", {"Data": {"message": '"x"'}}).status == 404
    assert house.forwarded("POST", "/fulfil", {"Data": {"message": '"x"'}}).status == 404
    house.end()
    assert (house.status, house.err) == (0, "")
    assert house.out.splitlines() == [f"fulfil 1234 2 {ID}", "tick"]


def test_outcomes(house):
    codes = {
        text: house.invoke("fulfil", {"message": json.dumps(text)}).status
        for text in ("fine", "retry", "drop", "fail")
    }
    assert codes == {"fine": 200, "retry": 500, "drop": 200, "fail": 500}
    answer = house.invoke("fulfil", {"message": '"fail"'})
    assert answer.getheader("content-type") == "application/problem+json"
    assert "s3cr3t" not in answer.text
    house.end()
    logged = [json.loads(line) for line in house.out.splitlines() if line[0] == "{"]
    assert [line["level"] for line in logged] == ["WARNING", "ERROR", "ERROR", "ERROR"]
    assert {(line["invocation_id"], line["function"]) for line in logged} == {(ID, "fulfil")}
    assert logged[2]["error"] == "ValueError"
    assert logged[2]["stack_trace"].endswith("ValueError: s3cr3t")
    assert house.err == ""


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"Data":[]}', b'{"Data":{},"Metadata":1}', b'{"Data":{"message":5}}']
)
def test_what_is_no_envelope_is_refused(house, body):
    told = {"X-Azure-Functions-InvocationId": ID, "Content-Type": "application/json"}
    answer = house.ask("POST", "/fulfil", body, told)
    assert (answer.status, json.loads(answer.raw)["status"]) == (400, 400)
    house.end()
    [line] = house.lines()
    assert (line["level"], line["message"][:9]) == ("ERROR", "refused: ")


def test_a_body_in_chunks_and_one_with_a_length(house):
    body = bytes(range(256)) * 4096
    for chunked in (True, False):
        told = {"x-ms-invocation-id": ID, "X-Azure-Functions-InvocationId": ID}
        assert house.ask("POST", "/echo", body, told, chunked=chunked).raw == body


def test_an_envelope_of_eight_mebibytes(house):
    text = "x" * (8 * 1024 * 1024)
    answer = house.invoke("fulfil", {"message": json.dumps(text)})
    assert len(json.loads(answer.raw)["Outputs"]["audit"]) == (len(text) + 2) // 3 * 4


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            {"FUNCTIONS_CUSTOMHANDLER_PORT": None},
            "FUNCTIONS_CUSTOMHANDLER_PORT is not set; expected a number",
        ),
        ({"FUNCTIONS_CUSTOMHANDLER_PORT": "http"}, "FUNCTIONS_CUSTOMHANDLER_PORT is 'http'"),
        ({"FUNCTIONS_CUSTOMHANDLER_PORT": "70000"}, "FUNCTIONS_CUSTOMHANDLER_PORT is '70000'"),
    ],
)
def test_what_cannot_start_says_so_and_ends(launch, env, message):
    program = launch(HOUSE, *NAMES, env=env)
    program.process.wait(20)
    [line] = program.lines()
    assert (program.status, line["level"]) == (1, "CRITICAL")
    assert message in line["message"]
    # The host takes a line of standard error for an error: the one that there is.
    [error] = program.err.splitlines()
    assert message in error


def test_the_port_of_old_hosts(launch):
    program = launch(HOUSE, *NAMES)
    program.process.kill()
    old = {"FUNCTIONS_CUSTOMHANDLER_PORT": None, "FUNCTIONS_HTTPWORKER_PORT": str(program.port)}
    program.process.wait()
    again = launch(HOUSE, *NAMES, env=old)
    again.port = program.port
    assert again.wait().proxied("POST", "/hello", {"name": "Ada"}).status == 200


def test_a_module_that_cannot_be_imported(launch):
    program = launch("1 / 0", "f")
    program.process.wait(20)
    [line] = program.lines()
    assert program.status == 1
    assert "cannot be imported: ZeroDivisionError" in line["message"]
    assert "stack_trace" in line


def test_it_listens_on_the_loopback_alone(house):
    with open(f"/proc/{house.process.pid}/net/tcp") as table:
        places = [line.split()[1] for line in table if line.split()[3] == "0A"]
    assert f"0100007F:{house.port:04X}" in places


@pytest.mark.parametrize("path", ["/slow", "/slow_sync"])
def test_ten_at_once_take_no_longer_than_two(house, path):
    answers = []
    askers = [
        threading.Thread(target=lambda: answers.append(house.proxied("POST", path, {}).text))
        for _ in range(10)
    ]
    began = time.monotonic()
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert answers == ['"done"'] * 10
    assert time.monotonic() - began < 2


def test_a_ping_waits_for_nobody(launch):
    program = launch(HOUSE, *NAMES, concurrency=1).wait()
    asker = threading.Thread(target=program.proxied, args=("POST", "/slow", {}))
    asker.start()
    time.sleep(0.2)
    began = time.monotonic()
    assert program.ask("GET", "/").status == 200
    assert time.monotonic() - began < 0.5
    asker.join()


def test_the_first_invocation_is_the_cold_one_whatever_was_pinged(launch):
    program = launch("@polyfn.function\ndef f(event, context): return context.cold_start", "f").wait()
    assert [program.proxied("POST", "/f").text for _ in range(2)] == ["true", "false"]


def test_sigkill_after_a_reply_loses_nothing(launch):
    program = launch(
        """
        from polyfn import Queue
        from polyfn.runtime import logs

        @polyfn.function(Queue("q"))
        def f(message: polyfn.Message, context):
            logs.report("INFO", "one")
            print("two")
            print("three", end="")
        """,
        "f",
    ).wait()
    # The reply is read no further than that it is there.
    with socket.create_connection(("127.0.0.1", program.port)) as peer:
        body = b'{"Data":{"message":"\\"x\\""},"Metadata":{}}'
        head = f"POST /f HTTP/1.1\r\nhost: 127.0.0.1:{program.port}\r\nx-azure-functions-invocationid: 1\r\n"
        peer.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert peer.recv(12) == b"HTTP/1.1 200"
        program.end(signal.SIGKILL)
    one, two, three = program.out.splitlines()
    assert (json.loads(one)["message"], two, three) == ("one", "two", "three")
    assert not program.out.endswith("\n")


def test_sigkill_after_a_reply_loses_nothing_of_http(launch):
    source = """
        import sys

        @polyfn.function
        def g(event):
            print("one", end="")
            print("two", end="", file=sys.__stdout__)
            print("three", end="", file=sys.stderr)
    """
    program = launch(source, "g").wait()
    assert program.proxied("POST", "/g").status == 200
    program.end(signal.SIGKILL)
    assert (program.out, program.err) == ("onetwo", "three")


def test_an_application_has_its_path_and_root_path(launch):
    source = """
        async def app(scope, receive, send):
            print(scope["type"], end=" ")
            text = f"{scope['root_path']} {scope['path']}".encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": text})

        api = polyfn.asgi(app)

        @polyfn.function(polyfn.Queue("q"))
        def fulfil(message: polyfn.Message): pass
    """
    program = launch(source, "api", "fulfil", route_prefix="web").wait()
    assert program.proxied("GET", "/web/a/b").text == "/web /web/a/b"
    assert program.forwarded("GET", "/web").text == "/web /web"
    assert program.proxied("GET", "/a/b").status == 404
    assert program.invoke("fulfil", {"message": '"x"'}).status == 200
    program.end(signal.SIGKILL)
    assert program.out == "lifespan http http "


def test_an_application_beside_events_is_reached_by_envelope_as_well(launch):
    source = """
        async def app(scope, receive, send):
            body = (await receive())["body"]
            text = f"{scope['method']} {scope['root_path']} {scope['path']} ".encode() + body
            await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"1")]})
            await send({"type": "http.response.body", "body": text})

        api = polyfn.asgi(app)

        @polyfn.function(polyfn.Queue("q"))
        def fulfil(message: polyfn.Message): pass
    """
    program = launch(source, "api", "fulfil").wait()
    request = {
        "Url": "https://shop.example/a/b?c=1",
        "Method": "PUT",
        "Query": {"c": "1"},
        "Headers": {"Host": ["shop.example"], "Content-Type": ["text/plain"]},
        "Params": {},
        "Body": "hi",
    }
    answer = json.loads(program.invoke("api", {"req": request}).raw)
    told = answer["Outputs"]["res"]
    assert (told["statusCode"], told["body"], told["headers"]["x-a"]) == ("201", "PUT  /a/b hi", "1")
    assert program.proxied("PUT", "/fulfil", b"x").text == "PUT  /fulfil x"
    # Forwarding is off for this app: this is the host's envelope, or nobody's.
    assert program.forwarded("POST", "/fulfil", b"x").text == "POST  /fulfil x"


def test_what_takes_too_long_is_cut_off_and_fails(launch):
    source = """
        import asyncio

        @polyfn.function(polyfn.Queue("q"))
        async def f(message: polyfn.Message, context):
            assert 0 < context.remaining() <= 1
            await asyncio.sleep(30)

        @polyfn.function(polyfn.Schedule("* * * * *"))
        async def g(tick): await asyncio.sleep(30)
    """
    program = launch(source, "f", "g", timeout=1).wait()
    began = time.monotonic()
    assert program.invoke("f", {"message": '"x"'}).status == 500
    assert program.invoke("g", {"timer": TIMER}).status == 504
    assert time.monotonic() - began < 5
    program.end()
    assert [line["level"] for line in program.lines()] == ["ERROR", "ERROR"]
    assert all("DeadlineError" in line["message"] for line in program.lines())


def test_a_reply_streams_when_it_is_proxied(launch):
    source = """
        import asyncio

        @polyfn.function(polyfn.Http("GET", "/s"))
        async def f():
            yield "one"
            await asyncio.sleep(1)
            yield "two"
    """
    program = launch(source, "f").wait()
    with socket.create_connection(("127.0.0.1", program.port)) as peer:
        peer.sendall(b"GET /s HTTP/1.1\r\nhost: h\r\nx-ms-invocation-id: 1\r\n\r\n")
        began = time.monotonic()
        came = b""
        while b"one" not in came:
            came += peer.recv(1000)
        assert time.monotonic() - began < 0.9
        while b"two" not in came:
            came += peer.recv(1000)
