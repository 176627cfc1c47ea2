"""The same runtime under the real Runtime Interface Emulator."""

import contextlib
import json
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from polyfn_aws.runtime.loop import LIMIT
from tests.ports import free_port

CODE = """
import polyfn

@polyfn.on_stop
def bye():
    with open(%r, "w") as file:
        file.write("stopped")

@polyfn.function(name="streams")
def streams(event):
    yield b"one,"
    if "break" in event:
        raise ValueError("in mid-stream")
    yield b"two"

@polyfn.function
def main(event, context):
    if "size" in event:
        return "x" * event["size"]
    if "fail" in event:
        raise ValueError(event["fail"])
    return {"message": f"hello, {event['name']}", "left": context.remaining(), "cold": context.cold_start}
"""


class Emulated:
    def __init__(self, process, port, folder):
        self.process = process
        self.port = port
        self.folder = folder

    def invoke(self, payload):
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        request = urllib.request.Request(url, json.dumps(payload).encode())
        with urllib.request.urlopen(request, timeout=20) as reply:
            return self.read(reply.read())

    read = staticmethod(json.loads)

    @property
    def log(self):
        return (self.folder / "log").read_text()


@pytest.fixture
def emulated(rie, tmp_path, platform, request):
    with behind(rie, tmp_path, platform, getattr(request, "param", "main")) as one:
        yield one


@contextlib.contextmanager
def behind(rie, tmp_path, platform, name="main"):
    (tmp_path / "app.py").write_text(CODE % str(tmp_path / "stopped"))
    start = {"provider": "aws", "project": "t", "root": str(tmp_path), "settings": {}}
    start |= {"functions": {"main": "app", "streams": "app"}, "default": name}
    (tmp_path / "start.py").write_text(
        f"import sys\nsys.path[:0] = {[str(tmp_path), *platform.PATHS]!r}\n"
        f"from polyfn_aws.runtime.start import main\nmain({start!r})\n"
    )
    port = free_port()
    command = [rie, "--log-level", "error", "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
    command += [platform.PYTHON, "-I", "-S", "-X", "utf8", str(tmp_path / "start.py")]
    with (tmp_path / "log").open("wb") as log:
        environ = {"PATH": "/usr/bin:/bin", "AWS_LAMBDA_FUNCTION_TIMEOUT": "20"}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
    one = Emulated(process, port, tmp_path)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
            break
        except OSError:
            time.sleep(0.02)
    yield one
    process.kill()
    process.wait()
    print(one.log)


def test_it_answers(emulated):
    first, second = emulated.invoke({"name": "a"}), emulated.invoke({"name": "b"})
    assert first["message"] == "hello, a"
    assert 10 < first["left"] <= 20
    assert (first["cold"], second["cold"]) == (True, False)


def test_errors_reach_the_caller(emulated):
    error = emulated.invoke({"fail": "boom"})
    assert error["errorType"] == "ValueError"
    assert error["errorMessage"] == "boom"
    assert emulated.invoke({"name": "b"})["message"] == "hello, b"


@pytest.mark.parametrize("size", [LIMIT - 2 + 1, 20_000_000])
def test_an_oversized_response_and_then_a_normal_one(emulated, size):
    error = emulated.invoke({"size": size})
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert emulated.invoke({"name": "b"})["message"] == "hello, b"
    assert "S3" in emulated.log


def test_the_largest_response_that_fits(emulated):
    assert len(emulated.invoke({"size": LIMIT - 2})) == LIMIT - 2


def test_stop_hooks_run_on_sigterm(rie, tmp_path, platform):
    # The emulator kills soon after it has told: on a busy machine, before the hook has its turn.
    for attempt in ("first", "second", "third"):
        (tmp_path / attempt).mkdir()
        with behind(rie, tmp_path / attempt, platform) as emulated:
            assert emulated.invoke({"name": "a"})["message"] == "hello, a"
            emulated.process.send_signal(signal.SIGTERM)
            if stopped(tmp_path / attempt / "stopped"):
                return
    pytest.fail("the stop hook did not run")


def stopped(told):
    until = time.monotonic() + 5
    while not (told.exists() and told.read_text() == "stopped"):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("emulated", ["streams"], indirect=True)
def test_a_stream(emulated):
    emulated.read = bytes
    assert [emulated.invoke({}), emulated.invoke({})] == [b"one,two", b"one,two"]


@pytest.mark.parametrize("emulated", ["streams"], indirect=True)
def test_a_stream_that_breaks(emulated):
    emulated.read = bytes
    assert emulated.invoke({"break": 1}).startswith(b"one,")
    assert "in mid-stream" in emulated.log
    assert emulated.invoke({}) == b"one,two"
