"""Programs as the Functions host would start them: a real process, a real socket, its three transports."""

import http.client
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import settings as profiles

import polyfn
import polyfn_azure
from tests.ports import free_port

# A busy machine is no failure: what is slow here is an import on the first example.
if profiles.get_current_profile_name() == "default":
    profiles.register_profile("unhurried", deadline=None)
    profiles.load_profile("unhurried")

ROOTS = [str(Path(polyfn.__file__).parent.parent), str(Path(polyfn_azure.__file__).parent.parent)]
START = """
import sys
sys.path[:0] = {roots!r} + [{app!r}]
from polyfn_azure.runtime.start import main
main({{"functions": {functions!r}, "default": None, "settings": {settings!r}, "root": {app!r}}})
"""
ID = "5c1a2b3c-0000-4000-8000-000000000001"
#: What the host adds to every request of its own.
HOST = {"X-Azure-Functions-HostVersion": "4.1041.0.0", "X-Azure-Functions-InvocationId": ID}
AGENT = "Azure-Functions-Host/4.1041.0.0"
JSON = "application/json; charset=utf-8"


def nest(value):
    """What the host makes of a value that is no object: its JSON text, as a string."""
    return json.dumps(value)


class Program:
    """A started program: `out` and `err` once it has ended, `lines()` the JSON lines of its log."""

    def __init__(self, process, port, place):
        self.process, self.port, self.place = process, port, place

    def ask(self, method, path, body=b"", headers=(), *, chunked=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        pieces = iter([raw[:7], raw[7:]]) if chunked else raw
        told = dict(headers) | ({"Transfer-Encoding": "chunked"} if chunked else {})
        connection.request(method, path, pieces, told, encode_chunked=chunked)
        answer = connection.getresponse()
        answer.raw = answer.read()
        answer.text = answer.raw.decode("utf-8", "replace")
        connection.close()
        return answer

    def invoke(self, name, data, metadata=None, *, chunked=True, headers=()):
        """POST an envelope, in chunks as Azure does or with a length as Core Tools do."""
        told = HOST | {"Content-Type": JSON, "User-Agent": AGENT} | dict(headers)
        return self.ask("POST", f"/{name}", {"Data": data, "Metadata": metadata or {}}, told, chunked=chunked)

    def proxied(self, method, path, body=b"", headers=()):
        return self.ask(method, path, body, dict(headers) | HOST | {"x-ms-invocation-id": ID})

    def forwarded(self, method, path, body=b"", headers=()):
        return self.ask(method, path, body, {"Host": "shop.example"} | dict(headers) | HOST)

    def wait(self, seconds=10.0):
        """Ask as the host does, until there is any answer."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            try:
                answer = self.ask("GET", "/")
            except OSError:
                time.sleep(0.025)
            else:
                assert (answer.status, answer.raw) == (200, b"")
                return self
        raise AssertionError(f"it never listened: {self.end().err}")

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
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
        return [json.loads(line) for line in self.out.splitlines()]


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
        told = {"PATH": os.defpath, "FUNCTIONS_CUSTOMHANDLER_PORT": str(port)} | (env or {})
        with (place / "out").open("w") as out, (place / "err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-X", "utf8", str(place / "start.py")],
                cwd=place, stdout=out, stderr=err,
                env={name: value for name, value in told.items() if value is not None},
            )  # fmt: skip
        programs.append(Program(process, port, place))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()
