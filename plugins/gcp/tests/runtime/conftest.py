"""Programs as an artifact's start script would start them: a real process, a real socket."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import polyfn
import polyfn_gcp
from tests.ports import free_port

ROOTS = [str(Path(polyfn.__file__).parent.parent), str(Path(polyfn_gcp.__file__).parent.parent)]
START = """
import sys
sys.path[:0] = {roots!r} + [{app!r}]
from polyfn_gcp.runtime.start import main
main({{"functions": {functions!r}, "default": None, "settings": {settings!r}, "root": {app!r}}})
"""


class Program:
    """A started program: `out` and `err` once it has ended, `lines()` the JSON lines of its log."""

    def __init__(self, process, port, place):
        self.process, self.port, self.place = process, port, place

    def ask(self, method="POST", path="/", body=b"", headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, raw, dict(headers))
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer

    def wait(self, seconds=10.0):
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        raise AssertionError(f"it never listened: {self.end()}")

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.join()

    def join(self):
        self.process.wait(20)
        return self

    @property
    def status(self):
        return self.process.returncode

    @property
    def out(self):
        return (self.place / "out").read_text()

    @property
    def err(self):
        return (self.place / "err").read_text()

    def lines(self):
        """What it logged; every line must be JSON."""
        return [json.loads(line) for line in self.err.splitlines()]


@pytest.fixture
def launch(tmp_path):
    """Start a program: `launch(source, "f", "g", env={...}, **settings)`."""
    programs = []

    def start(source, *functions, env=None, **settings):
        place = tmp_path / str(len(programs))
        place.mkdir()
        (place / "user.py").write_text("import polyfn\n" + textwrap.dedent(source))
        text = START.format(
            roots=ROOTS, app=str(place), functions=dict.fromkeys(functions, "user"), settings=settings
        )
        (place / "start.py").write_text(text)
        port = free_port()
        with (place / "out").open("w") as out, (place / "err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-X", "utf8", str(place / "start.py")],
                cwd=place, stdout=out, stderr=err,
                env={"PATH": os.defpath, "PORT": str(port), **(env or {})},
            )  # fmt: skip
        programs.append(Program(process, port, place))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()


@pytest.fixture
def job(launch):
    """Run a job's task to its end."""

    def run(source, *functions, env=None, **settings):
        told = {
            "CLOUD_RUN_JOB": "nightly", "CLOUD_RUN_EXECUTION": "nightly-x7", "CLOUD_RUN_TASK_INDEX": "2",
            "CLOUD_RUN_TASK_COUNT": "5", "CLOUD_RUN_TASK_ATTEMPT": "1",
        }  # fmt: skip
        return launch(source, *(functions or ("f",)), env=told | (env or {}), **settings).join()

    return run
