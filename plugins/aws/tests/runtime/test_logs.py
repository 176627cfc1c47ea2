"""Log formats: text, JSON, framed; the standard library's logging only if it is used."""

import json
import re
import struct
import time

import pytest

TEXT = re.compile(r"\[(\w+)\]\t(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\t(\S*)\t(.*)")
LOGGING = """
    import logging
    log = logging.getLogger("shop")
    @polyfn.function
    def main(event):
        log.debug("debug line")
        log.info("order %s", 7, extra={"order": 7, "thing": object})
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        log.warning({"a": 1})
"""
JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}


def test_text(serve, platform):
    one = serve(LOGGING, [platform.Event(id="r-1")])
    lines = one.out.split("\n")[:-1]
    found = [TEXT.match(line).groups() for line in lines]
    assert [(level, request) for level, _, request, _ in found] == [
        ("INFO", "r-1"),
        ("ERROR", "r-1"),
        ("WARNING", "r-1"),
    ]
    assert found[0][3] == "order 7"
    assert "ZeroDivisionError" in lines[1]
    assert "\r\u00a0\u00a0File" in lines[1], "a traceback is one event"


def test_json(serve, platform):
    one = serve(LOGGING, [platform.Event(id="r-1", Aws_Tenant_Id="t-1")], env=JSON)
    info, error, warning = map(json.loads, one.out.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", info["timestamp"])
    assert info["level"] == "INFO"
    assert info["message"] == "order 7"
    assert info["logger"] == "shop"
    assert info["requestId"] == "r-1"
    assert info["tenantId"] == "t-1"
    assert info["order"] == 7
    assert info["thing"] == "<class 'object'>", "what has no JSON form is written as text"
    assert error["errorType"] == "ZeroDivisionError"
    assert error["errorMessage"] == "division by zero"
    assert "1 / 0" in error["stackTrace"][0]
    assert error["location"].endswith(":main:12")
    assert warning["message"] == {"a": 1}


@pytest.mark.parametrize(
    ("level", "seen"),
    [("TRACE", 4), ("DEBUG", 4), ("INFO", 3), ("WARN", 2), ("ERROR", 1), ("FATAL", 0), ("", 3)],
)
def test_levels(serve, platform, level, seen):
    one = serve(LOGGING, [platform.Event()], env={**JSON, "AWS_LAMBDA_LOG_LEVEL": level})
    assert len(one.out.splitlines()) == seen


def test_an_unhandled_error_as_json(serve, platform):
    code = "@polyfn.function\ndef main(event): raise ValueError('boom')"
    record = json.loads(serve(code, [platform.Event(id="r-1")], env=JSON).out)
    assert record["level"] == "ERROR"
    assert record["errorType"] == "ValueError"
    assert record["errorMessage"] == "boom"
    assert record["requestId"] == "r-1"
    assert len(record["stackTrace"]) == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_framed(launch, platform, as_json, tmp_path):
    # The descriptor has to be inherited, so the function opens it for itself before the runtime looks.
    frames = tmp_path / "frames"
    opener = tmp_path / "opener.py"
    opener.write_text("")
    code = LOGGING.replace("def main(event):", "def main(event):\n        import os; env = dict(os.environ)")
    code += "        return '_LAMBDA_TELEMETRY_LOG_FD' in env\n"
    fd = 9
    one = launch(
        code,
        [platform.Event(id="r-1")],
        env={"_LAMBDA_TELEMETRY_LOG_FD": str(fd), **(JSON if as_json else {})},
        before=f"import os; os.dup2(os.open({str(frames)!r}, os.O_CREAT | os.O_WRONLY), {fd})\n",
    )
    one.api.wait(lambda api: api.nexts == 2)
    one.kill()
    assert one.api.posts[0].json() is False, "user code does not see the variable"
    data, kinds = frames.read_bytes(), []
    while data:
        kind, length, micros = struct.unpack(">IIQ", data[:16])
        assert abs(micros / 1e6 - time.time()) < 60
        message, data = data[16 : 16 + length].decode(), data[16 + length :]
        kinds.append(hex(kind))
        assert not message.endswith("\n")
        assert not as_json or json.loads(message)["requestId"] == "r-1"
    offset = 1 if as_json else 0
    assert kinds == [hex(0xA55A0000 + last - offset) for last in (0x0F, 0x17, 0x13)]
    assert one.out == ""


def test_logging_is_not_imported_unless_used(serve, platform):
    code = "import sys\n@polyfn.function\ndef main(event): return 'logging' in sys.modules"
    assert serve(code, [platform.Event()]).api.posts[0].json() is False


def test_logging_imported_in_the_handler_is_set_up_too(serve, platform):
    code = "@polyfn.function\ndef main(event):\n    import logging\n    logging.getLogger('x').info('late')"
    assert "late" in serve(code, [platform.Event()]).out


def test_a_record_that_cannot_be_written_fails_nothing(serve, platform):
    code = "import logging\n@polyfn.function\ndef main(event):\n    logging.info('%d', 'x')\n    return 1"
    one = serve(code, [platform.Event()])
    assert one.api.posts[0].json() == 1
    assert "Logging error" in one.err


def test_a_closed_standard_output_loses_no_error(serve, platform):
    code = """
    import sys
    @polyfn.function
    def main(event):
        sys.stdout.close()
        raise ValueError("boom")
    """
    one = serve(code, [platform.Event(id="1"), platform.Event(id="2")])
    assert [p.verb for p in one.api.posts] == ["error", "error"]
    assert one.out.splitlines()[0].startswith("[ERROR]")
    assert "boom" in one.out
