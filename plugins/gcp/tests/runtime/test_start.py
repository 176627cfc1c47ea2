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
