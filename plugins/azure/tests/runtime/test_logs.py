"""Logs: JSON lines on standard output, each with its level and its invocation, and nothing elsewhere."""

import asyncio
import json
import re

import pytest

TRACE = "0123456789abcdef0123456789abcdef"
PARENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
ID = "5c1a2b3c-0000-4000-8000-000000000001"


@pytest.fixture
def said(launch):
    """What a program says of one message."""

    def run(source, *, env=None, headers=PARENT, **settings):
        program = launch(source, "f", env=env, **settings).wait()
        program.answer = program.invoke("f", {"message": '"x"'}, headers=headers)
        program.end()
        assert (program.status, program.err) == (0, "")
        return program

    return run


LOGGING = """
    import logging
    log = logging.getLogger("shop")

    @polyfn.function(polyfn.Queue("q"))
    def f(message: polyfn.Message):
        log.debug("a debug line")
        log.info("order %s\\nof two lines", 7, extra={"order": 7, "thing": object})
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        log.warning({"message": "a dict", "a": [1]})
        log.error("%d", "no number")
"""


def test_the_users_logging_needs_no_setup(said):
    info, error, warning, broken = said(LOGGING).lines()
    assert (info["level"], info["message"], info["logger"]) == ("INFO", "order 7\nof two lines", "shop")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", info["time"])
    assert (info["order"], info["thing"]) == (7, "<class 'object'>")
    assert re.search(r"user\.py:\d+$", info["file"])
    for line in (info, error, warning, broken):
        assert (line["invocation_id"], line["function"]) == (ID, "f")
        assert (line["trace_id"], line["span_id"]) == (TRACE, "00f067aa0ba902b7")
    assert (error["level"], error["message"], error["error"]) == ("ERROR", "failed", "ZeroDivisionError")
    assert error["stack_trace"].endswith("ZeroDivisionError: division by zero")
    assert (warning["level"], warning["message"], warning["a"]) == ("WARNING", "a dict", [1])
    assert "a record of shop" in broken["message"]


@pytest.mark.parametrize(
    ("env", "settings", "count"),
    [
        ({"LOG_LEVEL": "debug"}, {}, 4),
        ({"LOG_LEVEL": "WARNING"}, {"log_level": "Debug"}, 2),
        ({}, {"log_level": "Error"}, 1),
    ],
)
def test_the_least_level(said, env, settings, count):
    lines = said(LOGGING, env=env, **settings).lines()
    assert len([line for line in lines if line.get("logger") == "shop"]) == count


def test_print_stays_print_and_breaks_no_line(said):
    program = said(
        """
        import sys
        from polyfn.runtime import logs

        @polyfn.function(polyfn.Queue("q"))
        def f(message: polyfn.Message):
            print("a line", file=sys.__stdout__)
            print("begun", end="", flush=True)
            logs.report("INFO", "one")
            print(" and ended")
            print("held", end="")
            logs.report("INFO", "two")
            sys.stdout.flush()
            sys.stdout.buffer.write(b"bytes")
            sys.stdout.reconfigure(encoding="utf-8")
            print(sys.stdin.read() == "", sys.stdout.fileno(), sys.stdout.isatty())
        """
    )
    told = [line if line[0] != "{" else json.loads(line)["message"] for line in program.out.splitlines()]
    assert told == ["a line", "begun", "one", " and ended", "two", "heldbytesTrue 1 False"]


def test_pings_and_invocations_leave_no_line(launch):
    program = launch("@polyfn.function\ndef f(event): return event", "f").wait()
    for _ in range(3):
        program.ask("GET", "/")
        program.proxied("POST", "/f", {})
    program.end()
    assert (program.out, program.err) == ("", "")


def test_invocations_side_by_side_each_log_their_own(launch):
    source = """
        import asyncio, logging

        @polyfn.function(polyfn.Queue("q"))
        async def f(message: polyfn.Message, context):
            await asyncio.sleep(0.1)
            logging.getLogger().info(context.request_id)

        @polyfn.function(polyfn.Queue("r"))
        def g(message: polyfn.Message, context):
            logging.getLogger().info(context.request_id)
    """
    program = launch(source, "f", "g").wait()

    async def all_of_them():
        def one(number):
            return asyncio.to_thread(
                program.invoke,
                "fg"[number % 2],
                {"message": '"x"'},
                headers={"X-Azure-Functions-InvocationId": f"id-{number}"},
            )

        await asyncio.gather(*map(one, range(8)))

    asyncio.run(all_of_them())
    program.end()
    lines = program.lines()
    assert sorted(line["message"] for line in lines) == [f"id-{number}" for number in range(8)]
    assert all(line["invocation_id"] == line["message"] for line in lines)
    assert {line["function"] for line in lines} == {"f", "g"}
