"""A scripted Runtime API, and the real runtime in a subprocess as a bundle starts it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tests import parts

HERE = Path(__file__).resolve()
REPOSITORY = HERE.parents[4]
PATHS = [str(REPOSITORY), str(REPOSITORY / "plugins" / "aws")]

#: The interpreter that runs the runtime. What ships needs the standard library alone, so another
#: version than that of the tests will do: POLYFN_TEST_PYTHON names it.
PYTHON = os.environ.get("POLYFN_TEST_PYTHON", sys.executable)

NEXT = "/2018-06-01/runtime/invocation/next"
INIT_ERROR = "/2018-06-01/runtime/init/error"
OK = (202, b'{"status":"OK"}\n')


class Request:
    """One request that the runtime sent: `trailers` and the single `chunks` if it was chunked."""

    def __init__(self, line, headers):
        self.method, self.path, self.protocol = line.split(" ")
        self.pairs = headers
        self.headers = {name.lower(): value for name, value in headers}
        self.body = b""
        self.chunks = []
        self.times = []
        self.trailers = {}
        self.connection = 0

    @property
    def verb(self):
        return self.path.rpartition("/")[2]

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.method} {self.path}>"


class Event:
    """What GET /next is answered with."""

    def __init__(self, payload=b"{}", *, id="id-1", **headers):  # noqa: A002
        self.payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.headers = {"Lambda-Runtime-Aws-Request-Id": id, "Content-Type": "application/json"}
        for name, value in headers.items():
            key = "Content-Type" if name == "content_type" else f"Lambda-Runtime-{name.replace('_', '-')}"
            if value is None:
                self.headers.pop(key, None)
            else:
                self.headers[key] = value


class Raw:
    """Bytes sent as the answer, as they are; then the connection is closed if `close`."""

    def __init__(self, *pieces, close=False, pause=0.02):
        self.pieces = pieces
        self.close = close
        self.pause = pause


class Api:
    """A Runtime API that answers /next from a list, and posts as the script of each verb says."""

    def __init__(self, events=(), **script):
        self.events = list(events)
        self.script = {verb: list(replies) for verb, replies in script.items()}
        self.requests = []
        self.changed = threading.Condition()
        self.nexts = 0
        self.closing = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.open = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self):
        number = 0
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.append(sock)
            number += 1
            thread = threading.Thread(target=self._serve, args=(sock, number), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock, number):
        with sock, sock.makefile("rb") as file, contextlib.suppress(OSError):
            while True:
                request = self._read(file, number)
                if request is None or not self._answer(sock, request):
                    return

    def _read(self, file, number):
        line = file.readline().decode().strip()
        if not line:
            return None
        headers = []
        while (text := file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = text.partition(":")
            headers.append((name, value.strip()))
        request = Request(line, headers)
        request.connection = number
        if request.headers.get("transfer-encoding") == "chunked":
            self._note(request)
            self._read_chunks(file, request)
        else:
            request.body = file.read(int(request.headers.get("content-length", 0)))
            self._note(request)
        with self.changed:
            self.changed.notify_all()
        return request

    def _note(self, request):
        with self.changed:
            self.requests.append(request)
            if request.path == NEXT:
                self.nexts += 1
            self.changed.notify_all()

    def _read_chunks(self, file, request):
        limit = self.script.get("drop_after_chunks", [None])[0]
        while True:
            size = int(file.readline(), 16)
            if size == 0:
                while (text := file.readline().decode().strip()) != "":
                    name, _, value = text.partition(":")
                    request.trailers[name.lower()] = value.strip()
                return
            request.chunks.append(file.read(size))
            request.times.append(time.monotonic())
            file.read(2)
            request.body += request.chunks[-1]
            with self.changed:
                self.changed.notify_all()
            if limit is not None and len(request.chunks) >= limit:
                raise ConnectionResetError

    def _answer(self, sock, request):
        if request.path == NEXT:
            if not self.events:
                return True  # parked: the next read blocks until the runtime goes away
            reply = self.events.pop(0)
        elif request.path.endswith("/extension/register"):
            reply = self.script.get("register", [_registered()]).pop(0)
        elif request.path.endswith("/extension/event/next"):
            return True
        else:
            replies = self.script.get("init_error" if request.path == INIT_ERROR else request.verb)
            reply = replies.pop(0) if replies else OK
        return self._send(sock, reply)

    def _send(self, sock, reply):
        if isinstance(reply, Raw):
            for index, piece in enumerate(reply.pieces):
                if index:
                    time.sleep(reply.pause)
                sock.sendall(piece)
            return not reply.close
        if isinstance(reply, Event):
            status, body, headers = 200, reply.payload, reply.headers
        else:
            (status, body), headers = reply, {"Content-Type": "application/json"}
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        sock.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return True

    @property
    def posts(self):
        return [r for r in self.requests if r.method == "POST" and "/runtime/" in r.path]

    def wait(self, condition, seconds=15):
        """Wait until `condition(self)` is true; fail the test if it does not come to be."""
        until = time.monotonic() + seconds
        with self.changed:
            # In short steps, since a condition may also be about the process.
            while not self.changed.wait_for(lambda: condition(self), 0.05):
                assert time.monotonic() < until, f"only saw {self.requests}"

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
        self.listener.close()
        for sock in self.open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self.threads:
            thread.join(5)


def _registered():
    return Raw(
        b"HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: ext-1\r\nContent-Length: 2\r\n\r\n{}",
    )


class Running:
    """The runtime as a process, and the API that it talks to."""

    def __init__(self, api, process, folder):
        self.api = api
        self.process = process
        self._folder = folder
        self._ended = False

    @property
    def out(self):
        return (self._folder / "out").read_bytes().decode("utf-8", "replace")

    @property
    def err(self):
        return (self._folder / "err").read_bytes().decode("utf-8", "replace")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=15):
        """Wait for the process to end by itself; return its status."""
        status = self.process.wait(seconds)
        if not self._ended:
            self._ended = True
            print(self.out, self.err)
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


@pytest.fixture
def launch(tmp_path):
    """Start the runtime on a module's code: `launch(code, events, env=..., **script)`."""
    running = []

    def start(
        code, events=(), *, env=None, functions=None, default="main", address=None, before="", **script
    ):
        (tmp_path / "app.py").write_text("import polyfn\n" + textwrap.dedent(code))
        start = {
            "provider": "aws",
            "project": "test",
            "root": str(tmp_path),
            "functions": functions or {"main": "app"},
            "default": default,
            "settings": {},
        }
        script_path = tmp_path / "start.py"
        script_path.write_text(
            f"{before}import sys\nsys.path[:0] = {[str(tmp_path), *PATHS]!r}\n"
            f"from polyfn_aws.runtime.start import main\nmain({start!r})\n"
        )
        api = Api(events, **script)
        environ = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": api.address if address is None else address,
            "AWS_REGION": "eu-central-1",
            "AWS_LAMBDA_FUNCTION_NAME": "deployed-name",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            **(env or {}),
        }
        with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
            process = subprocess.Popen(
                [PYTHON, "-I", "-S", "-X", "utf8", str(script_path)],
                env={name: value for name, value in environ.items() if value is not None},
                cwd=tmp_path,
                stdout=out,
                stderr=err,
            )
        running.append(Running(api, process, tmp_path))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.api.close()


@pytest.fixture
def serve(launch):
    """Run until every event is answered and the next is asked for, then kill; or until it exits."""

    def run(code, events, **options):
        one = launch(code, events, **options)
        expected = len(events) + 1
        one.api.wait(lambda api: api.nexts >= expected or one.process.poll() is not None)
        one.kill()
        return one

    return run


@pytest.fixture(scope="session")
def rie():
    """The real Runtime Interface Emulator for this machine."""
    return str(parts.need(f"rie-{parts.HOST}"))


@pytest.fixture
def platform():
    """This module, for tests: they cannot import it by name."""
    return sys.modules[__name__]
