"""Logs: one JSON object per line, as Cloud Logging and Error Reporting read them."""

import asyncio
import json
import re
import threading

import pytest

TRACE = "0123456789abcdef0123456789abcdef"
PARENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
GOOGLE = "logging.googleapis.com/"
LOGGING = """
    import logging
    log = logging.getLogger("shop")

    @polyfn.function
    def f(event):
        log.debug("a debug line")
        log.info("order %s", 7, extra={"order": 7, "thing": object, "labels": {"tier": 1}})
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        log.warning({"message": "a dict", "a": [1]})
"""


@pytest.fixture
def said(launch):
    """The lines that one request makes."""

    def run(source, *, env=None, headers=PARENT, path="/f", **settings):
        program = launch(source, "f", env=env, **settings).wait()
        program.answer = program.ask("POST", path, b"{}", headers)
        program.end()
        assert program.status == 0, program.err
        return program

    return run


def test_the_users_logging_needs_no_setup(said):
    info, error, warning = said(LOGGING, env={"GOOGLE_CLOUD_PROJECT": "my-project"}).lines()
    assert (info["severity"], info["message"], info["logger"]) == ("INFO", "order 7", "shop")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", info["time"])
    assert (info["order"], info["thing"]) == (7, "<class 'object'>")
    assert info[f"{GOOGLE}labels"] == {"request_id": TRACE, "function": "f", "tier": "1"}
    place = info[f"{GOOGLE}sourceLocation"]
    assert place["file"].endswith("user.py")
    assert (place["line"], place["function"]) == ("9", "f")
    for line in (info, error, warning):
        assert line[f"{GOOGLE}trace"] == f"projects/my-project/traces/{TRACE}"
        assert line[f"{GOOGLE}spanId"] == "00f067aa0ba902b7"
        assert line[f"{GOOGLE}trace_sampled"] is True
    assert (error["severity"], error["message"]) == ("ERROR", "failed")
    assert error["stack_trace"].startswith("Traceback (most recent call last):\n")
    assert error["stack_trace"].endswith("ZeroDivisionError: division by zero")
    assert (warning["severity"], warning["message"], warning["a"]) == ("WARNING", "a dict", [1])


def test_an_exception_is_one_line_that_error_reporting_reads(said):
    program = said(
        """
        @polyfn.function
        def f(event):
            raise ValueError("one\\ntwo")
        """,
        path="/f?token=s3cr3t",
    )
    [line] = program.lines()
    assert (line["severity"], line["message"]) == ("ERROR", "the handler failed: ValueError: one two")
    assert line["stack_trace"].startswith("Traceback (most recent call last):\n")
    assert line["stack_trace"].endswith("ValueError: one\ntwo")
    assert line["httpRequest"] == {"requestMethod": "POST", "requestUrl": "/f"}
    assert line[f"{GOOGLE}labels"]["function"] == "f"
    assert "s3cr3t" not in program.err
    assert program.answer.status == 500
    assert "two" not in program.answer.text


def test_without_a_project_the_trace_stands_alone(said):
    assert said(LOGGING).lines()[0][f"{GOOGLE}trace"] == TRACE


def test_a_project_of_the_settings(said):
    assert (
        said(LOGGING, project="of-settings").lines()[0][f"{GOOGLE}trace"].startswith("projects/of-settings/")
    )


def test_without_a_trace_there_is_a_request_id(said):
    line = said(LOGGING, headers={}).lines()[0]
    assert f"{GOOGLE}trace" not in line
    assert re.fullmatch("[0-9a-f]{32}", line[f"{GOOGLE}labels"]["request_id"])


@pytest.mark.parametrize(
    ("level", "seen"),
    [("debug", 4), ("DEBUG", 4), ("Info", 3), ("warn", 2), ("ERROR", 1), ("CRITICAL", 0), ("loud", 3)],
)
def test_levels(said, level, seen):
    lines = [line for line in said(LOGGING, env={"LOG_LEVEL": level}).lines() if line.get("logger") == "shop"]
    assert len(lines) == seen


def test_print_passes_through(said):
    program = said("""
        import sys
        @polyfn.function
        def f(event):
            print("unfinished", end="")
            print(" and done")
            print("left open", end="")
            raise ValueError
    """)
    assert program.out == "unfinished and done\nleft open"
    assert program.lines()[0]["severity"] == "ERROR"


def test_a_record_that_cannot_be_written_fails_nothing(said):
    program = said("""
        import logging
        class Odd:
            def __str__(self): raise ValueError("odd")
        @polyfn.function
        def f(event):
            logging.info("fine", extra={"odd": Odd(), "nan": float("nan")})
            return 1
    """)
    assert program.answer.text == "1"
    [line] = program.lines()
    assert (line["message"], line["nan"], line["odd"]) == ("fine", "nan", "(Odd: ValueError)")


def test_requests_at_once_have_each_their_own_trace(launch):
    source = """
        import asyncio, logging, threading, time
        gate = threading.Barrier(3, timeout=10)

        @polyfn.function
        def sync(event):
            gate.wait()
            time.sleep(0.05)
            logging.info(event["name"])

        @polyfn.function
        async def later(event):
            for _ in range(5):
                await asyncio.sleep(0.01)
            logging.info(event["name"])
    """
    program = launch(source, "sync", "later").wait()
    names = [f"{number:032x}" for number in range(1, 4)]

    def ask(path, name):
        parent = {"traceparent": f"00-{name}-00f067aa0ba902b7-00"}
        assert program.ask("POST", path, {"name": name}, parent).status == 200

    for path in ("/sync", "/later"):
        askers = [threading.Thread(target=ask, args=(path, name)) for name in names]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    program.end()
    lines = program.lines()
    assert len(lines) == 6
    assert sorted(line["message"] for line in lines) == sorted(names * 2)
    for line in lines:
        assert line[f"{GOOGLE}trace"] == line["message"]


def test_the_fields_are_those_of_googles_client(tmp_path, capfd):
    """google-cloud-logging's names for them (google.cloud.logging_v2.handlers.structured_log)."""
    from polyfn.context import Context
    from polyfn.runtime import current
    from polyfn.runtime.trace import Trace
    from polyfn_gcp.runtime import logs

    context = Context(
        request_id="r", function="f", provider="gcp", trace=Trace(TRACE, "00f067aa0ba902b7", sampled=False)
    )

    async def line():
        current.request.set(context)
        logs.emit("INFO", "hello", {"a": 1}, at=1768456800_123456789)

    asyncio.run(line())
    assert json.loads(capfd.readouterr().err) == {
        "severity": "INFO",
        "message": "hello",
        "time": "2026-01-15T06:00:00.123456Z",
        "a": 1,
        "logging.googleapis.com/trace": TRACE,
        "logging.googleapis.com/spanId": "00f067aa0ba902b7",
        "logging.googleapis.com/trace_sampled": False,
        "logging.googleapis.com/labels": {"request_id": "r", "function": "f"},
    }
