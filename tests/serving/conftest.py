"""A server in a process of its own, with functions of the test's."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
HEAD = """
import asyncio, contextlib, contextvars, os, sys, threading, time
import polyfn
from polyfn import Call, Context, Http, HTTPError, Message, Queue, Request, Response, function
"""


class Served:
    """A running server. `log` is what it has written so far."""

    def __init__(self, folder: Path, code: str, settings: dict[str, Any], timeout: float) -> None:
        (folder / "user.py").write_text(HEAD + code)
        self.folder = folder
        self.port = free_port()
        self._log = folder / "log"
        program = str(Path(__file__).with_name("provider.py"))
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", program, str(folder), str(self.port), json.dumps(settings)],
                stdout=log, stderr=log, cwd=folder,
                env={**os.environ, "TIMEOUT": str(timeout), "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text()

    def logged(self, text: str, seconds: float = 5.0) -> bool:
        """Wait until the log has this."""
        return eventually(lambda: text in self.log, seconds)

    def ready(self) -> "Served":
        def is_there() -> bool:
            assert self.process.poll() is None, self.log
            return listens(self.port)

        assert eventually(is_there, 20), self.log
        return self

    def connect(self, timeout: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, data: bytes, timeout: float = 10) -> bytes:
        """Send bytes and return all that comes until the connection ends."""
        with self.connect(timeout) as sock:
            sock.sendall(data)
            return drained(sock)

    def get(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> "Answer":
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)


class Answer:
    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def drained(sock: socket.socket) -> bytes:
    pieces = []
    try:
        while piece := sock.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def eventually(check: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return check()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start a server with the given functions; its settings are keywords. It is killed in the end."""
    running = []

    def begin(code: str, *, timeout: float = 300, ready: bool = True, **settings: Any) -> Served:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        served = Served(folder, code, settings, timeout)
        running.append(served)
        return served.ready() if ready else served

    yield begin
    for served in running:
        served.process.kill()
        served.process.wait()
