"""`polyfn run`: serves until it is told to stop, and then stops the artifact."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

ONE = "import polyfn\n\n@polyfn.function\ndef one(event):\n    return [event, 1]\n"


@pytest.fixture
def run(box):
    (box.root / "one.py").write_text(ONE)
    started = []

    def run(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "polyfn", "run", "one.py", "--target", "box", "--port", "0", *arguments],
            env=box.environment(), cwd=box.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_stopped(run, number, status):
    process = run("--env", "STAGE=test", "--option", "colour=red", "--timeout", "2.5", "--memory", "64")
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    answer = urllib.request.urlopen(urllib.request.Request(url, data=b'"x"'), timeout=30)
    assert json.load(answer) == ["x", 1]
    process.send_signal(number)
    rest, messages = process.communicate(timeout=30)
    assert rest == ""
    lines = messages.splitlines()
    settings = {"timeout": 2.5, "memory": 64, "STAGE": "test", "colour": "red"}
    assert f"entered {json.dumps(settings)}" in lines
    assert any(line.startswith(f"try: curl {url}") for line in lines)
    assert [line for line in lines if line][-1] == "left"
    assert process.returncode == status


def test_it_ends_when_the_emulator_does(run):
    process = run("--option", "stop=1")
    _, messages = process.communicate(timeout=30)
    assert process.returncode == 0, messages
    assert messages.splitlines()[-1] == "left"


def test_a_taken_port_is_a_clear_error(run, box):
    first = run()
    port = first.stdout.readline().strip().rpartition(":")[2].rstrip("/")
    second = run("--port", port)
    _, messages = second.communicate(timeout=30)
    assert second.returncode == 3
    assert f"error[PF307]: 127.0.0.1 port {port} cannot be listened on: Address already in use" in messages
    assert "--port 0" in messages
