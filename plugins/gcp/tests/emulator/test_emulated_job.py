"""Jobs: tasks that run to their end, and are tried again while they fail."""

import asyncio
import json
import time

import pytest

ENV = """names = ("CLOUD_RUN", "K_", "PORT")
print(json.dumps({k: v for k, v in os.environ.items() if k.startswith(names)}), flush=True)
"""


def ran(bench, run, source, *, timeout=10, memory=512, **options):
    async def work():
        options["job"] = "on"
        async with bench.emulate(
            bench.image(source), options=options, timeout=timeout, memory=memory, function="nightly"
        ) as emulator:
            assert emulator.url == ""
            return await emulator.invoke(b"{}")

    return run(work())


def environments(bench):
    return [json.loads(line) for line in bench.log if line.startswith("{")]


def test_a_task_that_succeeds(bench, run):
    done = ran(bench, run, ENV)
    assert (done.error, done.status, done.payload) == (None, 200, b"")
    (told,) = environments(bench)
    execution = told.pop("CLOUD_RUN_EXECUTION")
    assert execution == done.report["execution"]
    assert execution.startswith("nightly-")
    assert told == {
        "CLOUD_RUN_JOB": "nightly", "CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_ATTEMPT": "0",
        "CLOUD_RUN_TASK_COUNT": "1",
    }  # fmt: skip
    (attempt,) = done.report["attempts"]
    assert (attempt["task"], attempt["attempt"], attempt["exit"], attempt["signal"]) == (0, 0, 0, None)
    assert attempt["seconds"] > 0
    assert "Container called exit(0)." in done.report["log"]


def test_one_that_fails_is_tried_again(bench, run):
    done = ran(bench, run, ENV + "\nsys.exit(0 if os.environ['CLOUD_RUN_TASK_ATTEMPT'] == '2' else 5)")
    assert done.error is None
    assert [told["CLOUD_RUN_TASK_ATTEMPT"] for told in environments(bench)] == ["0", "1", "2"]
    assert [one["exit"] for one in done.report["attempts"]] == [5, 5, 0]


@pytest.mark.parametrize(("retries", "attempts"), [(None, 4), ("0", 1), ("1", 2)])
def test_one_that_fails_for_good(bench, run, retries, attempts):
    options = {} if retries is None else {"max-retries": retries}
    done = ran(bench, run, "sys.exit(1)", **options)
    assert (done.error, done.status) == ("task 0 failed", 500)
    assert len(done.report["attempts"]) == attempts


def test_all_tasks_or_one(bench, run):
    source = ENV + "\nsys.exit(os.environ['CLOUD_RUN_TASK_INDEX'] == '1')"
    done = ran(bench, run, source, **{"task-count": "3", "max-retries": "0"})
    assert [told["CLOUD_RUN_TASK_INDEX"] for told in environments(bench)] == ["0", "1", "2"]
    assert {told["CLOUD_RUN_TASK_COUNT"] for told in environments(bench)} == {"3"}
    assert done.error == "task 1 failed"
    assert done.report["failed"] == [1]
    bench.log.clear()
    one = ran(bench, run, source, **{"task-count": "3", "task-index": "2", "attempt": "1"})
    assert one.error is None
    (told,) = environments(bench)
    assert (told["CLOUD_RUN_TASK_INDEX"], told["CLOUD_RUN_TASK_ATTEMPT"]) == ("2", "1")


@pytest.mark.parametrize(
    ("handler", "signal", "exit_"),
    [("", 15, None), ("signal.signal(15, lambda *_: os._exit(0))", None, None)],
)
def test_a_task_that_takes_too_long_is_told_to_stop_and_has_failed(bench, run, handler, signal, exit_):
    done = ran(bench, run, f"{handler}\ntime.sleep(30)", timeout=0.5, **{"max-retries": "0"})
    assert done.error == "task 0 failed"
    (attempt,) = done.report["attempts"]
    assert (attempt["exit"], attempt["signal"]) == (exit_, signal)
    assert "Terminating task because it has reached the maximum timeout of 0.5 seconds." in bench.log


def test_memory(bench, run):
    done = ran(bench, run, "hoard = bytearray(200 << 20); time.sleep(30)", memory=64, **{"max-retries": "0"})
    assert done.report["attempts"][0]["signal"] == 9
    assert bench.having("Memory limit of 64 MiB exceeded with ")


def test_it_can_be_interrupted(bench, run):
    async def work():
        async with bench.emulate(
            bench.image("print('up', flush=True); time.sleep(30)"), options={"job": "on"}
        ) as emulator:
            running = asyncio.create_task(emulator.invoke(b"{}"))
            await bench.until(lambda: "up" in bench.log)
            begin = time.monotonic()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return time.monotonic() - begin

    assert run(work()) < 5
