"""polyfn's own runtime behind the emulator: what its outcomes are to the senders."""

import asyncio
import json
import sys
import textwrap
from pathlib import Path

import httpx
import pytest

import polyfn
import polyfn_gcp
from polyfn.toolchain.manifest import FunctionEntry
from polyfn_gcp.samples import sampler
from polyfn_gcp.settings import GcpSettings

ROOTS = [str(Path(module.__file__).parent.parent) for module in (polyfn, polyfn_gcp)]
START = """#!{python}
import sys
sys.path[:0] = {roots!r} + ["."]
from polyfn_gcp.runtime.start import main
main({{"functions": {{"f": "shop"}}, "default": None, "settings": {settings!r}, "root": "."}})
"""
OUTCOMES = """
    @polyfn.function(polyfn.{trigger})
    def f(event: polyfn.Message):
        print("attempt", event.attempt, flush=True)
        match event.data["do"]:
            case "retry":
                raise polyfn.Retry(after=30)
            case "drop":
                raise polyfn.Drop("because")
            case "fail":
                raise ValueError("secret")
    """


def image(bench, source):
    made = bench.image("")
    (made / "rootfs/app/shop.py").write_text("import asyncio, polyfn, time\n" + textwrap.dedent(source))
    settings = GcpSettings().model_dump()
    (made / "rootfs/app/main").write_text(START.format(python=sys.executable, roots=ROOTS, settings=settings))
    return made


def sample(trigger, name, data):
    entry = FunctionEntry.model_construct(name="f", trigger=trigger)
    events = {one.name: one.event for one in sampler(entry, data)}
    return json.dumps(events[name]).encode()


TOPIC, QUEUE = {"kind": "topic", "name": "orders"}, {"kind": "queue", "name": "orders"}


@pytest.mark.parametrize(
    ("trigger", "declared", "name", "sender"),
    [
        (TOPIC, 'Topic("orders")', "pubsub-push", "Pub/Sub"),
        (TOPIC, 'Topic("orders")', "pubsub-unwrapped", "Pub/Sub"),
        (TOPIC, 'Topic("orders")', "eventarc", "Eventarc"),
        (QUEUE, 'Queue("orders")', "cloud-tasks", "Cloud Tasks"),
    ],
)
def test_outcomes(bench, run, trigger, declared, name, sender):
    async def work():
        made = image(bench, OUTCOMES.format(trigger=declared))
        told = []
        async with bench.emulate(made, options={"redrive": "2"}, function="f") as emulator:
            for data in ("return", "retry", "drop", "fail"):
                told.append(await emulator.invoke(sample(trigger, name, {"do": data})))
        return told

    answers = run(work())
    assert {answer.report["sender"] for answer in answers} == {sender}
    statuses = [[one["status"] for one in answer.report["deliveries"]] for answer in answers]
    assert statuses == [[204], [503, 503], [204], [500, 500]]
    assert [answer.error is None for answer in answers] == [True, False, True, False]
    assert answers[1].report["deliveries"][0]["retry_after"] == 30
    assert not any(b"secret" in answer.payload for answer in answers)
    if sender == "Cloud Tasks":
        assert [line for line in bench.log if line.startswith("attempt")][1:3] == ["attempt 1", "attempt 2"]
    assert bench.having("Container called exit(0).")


def test_a_request_in_flight_survives_the_stop(bench, run):
    source = """
        @polyfn.function(polyfn.Http("GET", "/slow"))
        async def f():
            print("begun", flush=True)
            await asyncio.sleep(1)
            return {"done": True}

        @polyfn.on_stop
        def clean():
            print("clean", flush=True)
        """

    async def work():
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            async with bench.emulate(image(bench, source), function="f") as emulator:
                asking = asyncio.create_task(client.get(f"{emulator.url}/slow"))
                await bench.until(lambda: "begun" in bench.log, 10)
            return await asking

    answer = run(work())
    assert (answer.status_code, answer.json()) == (200, {"done": True})
    assert "clean" in bench.log
    assert bench.having("Container called exit(0).")


def test_a_job(bench, run):
    source = """
        @polyfn.function
        def f(event: dict) -> None:
            print("task", event["task_index"], "of", event["task_count"], flush=True)
            if event["task_index"] == 1 and event["task_attempt"] == 0:
                raise ValueError
        """

    async def work():
        options = {"job": "on", "task-count": "2"}
        async with bench.emulate(image(bench, source), options=options, function="f", timeout=20) as emulator:
            return await emulator.invoke(b"null")

    done = run(work())
    assert done.error is None
    told = [(one["task"], one["attempt"], one["exit"]) for one in done.report["attempts"]]
    assert told == [(0, 0, 0), (1, 0, 1), (1, 1, 0)]
    assert "task 0 of 2" in bench.log
