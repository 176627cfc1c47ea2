"""polyfn's own runtime behind the emulator: no bundle, the source tree alone."""

import json
import sys
import time
from pathlib import Path

import pytest

import polyfn
import polyfn_aws

FUNCTIONS = """
    import os, time, polyfn
    from polyfn import Context, Http, Message, Queue, Request, Retry

    @polyfn.function
    def hello(event, context: Context):
        return {"message": f"hello, {(event or {}).get('name') or 'world'}"}

    @polyfn.function(Http("GET", "/orders/{id}"))
    async def show(request: Request):
        return {"id": request.params["id"], "q": request.query.get("q")}

    @polyfn.function(Http("GET", "/"))
    def stream(request: Request):
        yield "first"
        time.sleep(0.3)
        yield "last"
        if request.query.get("fail"):
            raise ValueError("secret")

    @polyfn.function(Queue("orders"))
    def orders(message: Message):
        if message.attempt < message.payload:
            raise Retry()

    @polyfn.function
    def hang(event):
        time.sleep(60)

    @polyfn.on_stop
    def stop():
        print("stopped", flush=True)
    """
NAMES = ("hello", "show", "stream", "orders", "hang")


@pytest.fixture
def artifact(bench):
    place = bench.artifact("")
    roots = [str(Path(module.__file__).parent.parent) for module in (polyfn, polyfn_aws)]
    start = {
        "provider": "aws", "project": "test", "root": str(place), "default": "hello", "settings": {},
        "functions": dict.fromkeys(NAMES, "functions"),
    }  # fmt: skip
    import textwrap

    (place / "functions.py").write_text(textwrap.dedent(FUNCTIONS))
    code = f"import sys; sys.path[:0] = {[*roots, str(place)]!r}\nfrom polyfn_aws.runtime.start import main\n"
    bench.script(place, f"#!{sys.executable} -ISXutf8\n", code, f"main({start!r})\n")
    return place


def record(id_, wanted):
    return {
        "messageId": id_, "receiptHandle": "h", "body": json.dumps(wanted), "messageAttributes": {},
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1523232000000"},
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders",
    }  # fmt: skip


@pytest.mark.parametrize("form", ["v2", "v1", "alb", "alb-multi", "function-url"])
def test_hello_by_every_way_in(bench, run, artifact, form):
    async def work():
        async with bench.emulate(artifact, options={"http": form}) as emulator:
            direct = json.loads((await emulator.invoke(b'{"name": "x"}')).payload)
            return direct, (await emulator.http.post("/", json={"name": "y"})).json()

    assert run(work()) == ({"message": "hello, x"}, {"message": "hello, y"})
    assert "stopped" in bench.log


def test_a_route(bench, run, artifact):
    async def work():
        async with bench.emulate(artifact, function="show") as emulator:
            return (await emulator.http.get("/orders/a%2Fb?q=%26")).json()

    assert run(work()) == {"id": "a/b", "q": "&"}


def test_a_generator_streams(bench, run, artifact):
    async def work():
        times = []
        async with bench.emulate(artifact, function="stream", options={"http": "function-url"}) as emulator:
            await emulator.http.get("/none")  # warm
            begin = time.monotonic()
            async with emulator.http.stream("GET", "/") as answer:
                async for chunk in answer.aiter_raw():
                    times.append((chunk, time.monotonic() - begin))
        return times

    first, last = run(work())
    assert (first[0], last[0]) == (b"first", b"last")
    assert last[1] - first[1] > 0.2


def test_messages_are_redriven(bench, run, artifact):
    async def work():
        async with bench.emulate(artifact, function="orders") as emulator:
            event = {"Records": [record("a", 1), record("b", 3), record("c", 9)]}
            return await emulator.redrive(json.dumps(event).encode(), 3)

    report = run(work()).report
    assert [one["failed"] for one in report["deliveries"]] == [["b", "c"], ["b", "c"], ["c"]]
    assert report["succeeded"] == ["a", "b"]


def test_stop_hooks_run_on_a_timeout_too(bench, run, artifact):
    async def work():
        async with bench.emulate(artifact, function="hang", timeout=0.5) as emulator:
            return await emulator.invoke(b"{}")

    assert json.loads(run(work()).payload)["errorType"] == "Sandbox.Timedout"
    assert "stopped" in bench.log
