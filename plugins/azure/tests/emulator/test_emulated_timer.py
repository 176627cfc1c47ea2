"""Timers as `polyfn run` runs them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator.bindings import Binding, Function
from polyfn_azure.emulator.timers import Timer

SOURCE = """
def tick(data, metadata):
    print(json.dumps({"data": data, "metadata": metadata}), flush=True)
    if os.path.exists("fail"):
        raise ValueError
functions(tick=tick)
"""


def timer(schedule, **keys):
    return [{"name": "timer", "type": "timerTrigger", "direction": "in", "schedule": schedule, **keys}]


def test_it_runs_every_second(bench, run):
    app = bench.app(SOURCE, {"tick": timer("* * * * * *")})

    async def work():
        async with bench.running(app):
            await bench.until(lambda: len(bench.told()) == 2)

    run(work())
    first, second = bench.told()[:2]
    assert first["data"] == {
        "timer": {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
    }
    assert list(first["metadata"]) == ["sys"]
    assert first["metadata"]["sys"]["RandGuid"] != second["metadata"]["sys"]["RandGuid"]


def test_only_who_waits_has_timers(bench, run):
    app = bench.app(SOURCE, {"tick": timer("* * * * * *")})

    async def work():
        async with bench.emulate(app):
            await asyncio.sleep(1.5)
        async with bench.running(app, options={"listen": "off"}):
            await asyncio.sleep(1.5)

    run(work())
    assert bench.told() == []


def test_at_the_start_with_a_status(bench, run):
    app = bench.app(SOURCE, {"tick": timer("%WHEN%", runOnStartup=True)})

    async def work():
        async with bench.running(app, environment={"WHEN": "0 0 6 * * *"}):
            await bench.until(lambda: len(bench.told()) == 1)

    run(work())
    status = bench.told()[0]["data"]["timer"]["ScheduleStatus"]
    assert list(status) == ["Last", "Next", "LastUpdated"]
    assert status["Last"] == "0001-01-01T00:00:00"
    assert status["Next"].endswith("+00:00")


def test_retries(bench, run):
    retry = {"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:00"}
    app = bench.app(SOURCE, {"tick": {"bindings": timer("0 0 6 * * *", runOnStartup=True), "retry": retry}})
    (app / "fail").touch()

    async def work():
        async with bench.running(app):
            await bench.until(lambda: len(bench.having("(Failed")) == 3)
            await asyncio.sleep(0.2)

    run(work())
    contexts = [each["metadata"].get("RetryContext") for each in bench.told()]
    assert contexts[0] is None
    assert [(each["RetryCount"], each["MaxRetryCount"]) for each in contexts[1:]] == [(1, 2), (2, 2)]


def test_values():
    function = Function(
        "tick", (Binding("timer", "timertrigger", "in", None, {"schedule": "0 */5 * * * *"}),)
    )
    made = Timer(function, None, print, "Europe/Berlin")
    due = datetime(2024, 4, 6, 15, 30, tzinfo=UTC)
    status = made.value(due - timedelta(minutes=5), due, past=True)
    assert status["ScheduleStatus"]["Next"] == "2024-04-06T15:30:00+00:00"
    assert status["IsPastDue"] is True
    with pytest.raises(EmulationError, match="WEBSITE_TIME_ZONE is 'Nowhere'"):
        Timer(function, None, print, "Nowhere")
