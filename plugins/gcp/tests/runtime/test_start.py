"""The whole of it: a process that serves on PORT, its functions, and how it ends."""

import signal
import threading
import time

import pytest

HOUSE = """
    import asyncio, time
    from polyfn import Http, Queue, Request, Topic

    @polyfn.function
    def hello(event: dict, context): return {"hello": event.get("name"), "in": context.function}

    @polyfn.function(Http("GET", "/orders/{id}"))
    async def show(request: Request): return {"id": request.params["id"]}

    @polyfn.function(Queue("orders"))
    def fulfil(message: polyfn.Message): print("fulfil", message.data, message.attempt)

    @polyfn.function(Topic("news"))
    async def news(message: polyfn.Message): print("news", message.text)

    @polyfn.function
    async def slow(event):
        await asyncio.sleep(1)
        return "done"

    @polyfn.function
    def slow_sync(event):
        time.sleep(1)
        return "done"
"""
NAMES = ("hello", "show", "fulfil", "news", "slow", "slow_sync")


def test_every_function_of_the_artifact(launch):
    program = launch(HOUSE, *NAMES).wait()
    assert program.ask("POST", "/hello", {"name": "Ada"}).text == '{"hello":"Ada","in":"hello"}'
    assert program.ask("GET", "/orders/7").text == '{"id":"7"}'
    task = {
        "x-cloudtasks-queuename": "orders",
        "x-cloudtasks-taskname": "1",
        "x-cloudtasks-taskretrycount": "1",
    }
    answer = program.ask("POST", "/", {"id": 1}, task)
    assert (answer.status, answer.text) == (204, "")
    push = {"message": {"data": "aGk=", "messageId": "1"}, "subscription": "projects/p/subscriptions/news"}
    assert program.ask("POST", "/", push).status == 204
    assert program.ask("POST", "/nothing").status == 404
    program.end()
    assert (program.status, program.err) == (0, "")
    assert program.out.splitlines() == ["fulfil {'id': 1} 2", "news hi"]


def test_the_one_that_function_target_names(launch):
    program = launch(HOUSE, *NAMES, env={"FUNCTION_TARGET": "hello"}).wait()
    assert program.ask("POST", "/", {"name": "Ada"}).text == '{"hello":"Ada","in":"hello"}'
    assert program.ask("GET", "/orders/7").status == 404


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"FUNCTION_TARGET": "nothing"}, "names no function of this artifact"),
        ({"PORT": "http"}, "PORT is 'http'; expected a number"),
        ({"PORT": "70000"}, "PORT is '70000'"),
    ],
)
def test_what_cannot_start_says_so_and_ends(launch, env, message):
    program = launch(HOUSE, *NAMES, env=env).join()
    [line] = program.lines()
    assert (program.status, line["severity"]) == (1, "CRITICAL")
    assert message in line["message"]


def test_a_module_that_cannot_be_imported(launch):
    program = launch("1 / 0", "f").join()
    [line] = program.lines()
    assert program.status == 1
    assert "cannot be imported: ZeroDivisionError" in line["message"]
    assert "stack_trace" in line


def test_it_listens_on_every_interface(launch):
    program = launch(HOUSE, *NAMES).wait()
    with open(f"/proc/{program.process.pid}/net/tcp") as table:
        places = [line.split()[1] for line in table if line.split()[3] == "0A"]
    assert f"00000000:{program.port:04X}" in places


@pytest.mark.parametrize("path", ["/slow", "/slow_sync"])
def test_ten_at_once_take_no_longer_than_two(launch, path):
    program = launch(HOUSE, *NAMES, concurrency=80, threads=80).wait()
    answers = []
    askers = [
        threading.Thread(target=lambda: answers.append(program.ask("POST", path, {}).text)) for _ in range(10)
    ]
    began = time.monotonic()
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert answers == ['"done"'] * 10
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("path", ["/slow", "/slow_sync"])
def test_sigterm_answers_what_is_in_flight(launch, path):
    program = launch(HOUSE, *NAMES).wait()
    answers = []
    asker = threading.Thread(target=lambda: answers.append(program.ask("POST", path, {}).text))
    asker.start()
    time.sleep(0.3)
    began = time.monotonic()
    program.end(signal.SIGTERM)
    asker.join()
    assert (answers, program.status) == (['"done"'], 0)
    assert time.monotonic() - began < 8


def test_the_deadline_answers_504(launch):
    program = launch(HOUSE, *NAMES, env={"CLOUD_RUN_TIMEOUT_SECONDS": "0.4"}).wait()
    began = time.monotonic()
    assert program.ask("POST", "/slow", {}).status == 504
    assert time.monotonic() - began < 0.9


def test_stop_hooks_run(launch):
    source = """
    @polyfn.on_start
    def begin(): print("start")
    @polyfn.on_stop
    async def end(): print("stop")
    @polyfn.function
    def f(event): print("call")
    """
    program = launch(source, "f").wait()
    program.ask("POST", "/", {})
    assert program.end().out.split() == ["start", "call", "stop"]


@pytest.mark.parametrize("style", ["def", "async def"])
@pytest.mark.parametrize("trigger", ["Queue('orders')", "Events()"])
def test_the_deadline_of_an_event(launch, style, trigger):
    sleep = "time.sleep(2)" if style == "def" else "await asyncio.sleep(2)"
    source = f"""
    import asyncio, time
    @polyfn.function(polyfn.{trigger})
    {style} f(event): {sleep}
    """
    program = launch(source, "f", timeout=1).wait()
    headers = {"x-cloudtasks-queuename": "orders"}
    if trigger == "Events()":
        headers = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}
    began = time.monotonic()
    answer = program.ask("POST", "/", {}, headers)
    assert (answer.status >= 500, time.monotonic() - began < 1.6) == (True, True)
    assert answer.status == 504


def test_an_event_that_fails_leaks_nothing(launch):
    source = """
    @polyfn.function(polyfn.Topic("news"))
    def f(message: polyfn.Message): raise ValueError("s3cr3t")
    """
    program = launch(source, "f").wait()
    push = {"message": {"data": "aGk=", "messageId": "1"}, "subscription": "projects/p/subscriptions/news"}
    answer = program.ask("POST", "/", push, {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"})
    assert (answer.status, "s3cr3t" in answer.text) == (500, False)
    program.end()
    [line] = program.lines()
    assert (line["severity"], line["message"]) == ("ERROR", "message failed: ValueError: s3cr3t")
    assert line["message_id"] == "1"
    assert line["logging.googleapis.com/trace"] == "1" * 32
    assert line["httpRequest"]["requestUrl"] == "/"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * 1000, {"ce-id": "1"}, 400),
        (b"\xff\xfe", {"content-type": "application/cloudevents+json"}, 400),
        (b"[" * 100_000, {"content-type": "application/cloudevents-batch+json"}, 400),
        (b'{"message":{"data":"*"},"subscription":"s"}', {}, 400),
        (b'{"message":7,"subscription":"s"}', {}, 400),
        (b"", {}, 400),
        (b"{}", {"ce-id": "%FF%", "ce-source": "%", "ce-type": '"', "ce-specversion": "1.0"}, 204),
    ],
)
def test_hostile_events_get_a_plain_answer(launch, body, headers, status):
    program = launch("@polyfn.function(polyfn.Events())\ndef f(event: polyfn.Event): ...", "f").wait()
    assert program.ask("POST", "/", body, headers).status == status
    assert program.ask("POST", "/", b"", {"ce-id": "1"}).status == 400
    program.end()
    assert program.status == 0
    assert all(line["severity"] == "ERROR" for line in program.lines())
