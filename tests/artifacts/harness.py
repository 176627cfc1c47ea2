"""What the tests of finished artifacts run them with: the command line, and AWS's own emulator."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import parts
from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]

#: What Lambda sets for a function on provided.al2023 and what could mislead an interpreter.
LAMBDA = {
    "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "AWS_LAMBDA_FUNCTION_NAME": "hello",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
    "PYTHON_LAZY_IMPORTS": "all",
}


class Lambda:
    """A function behind the Runtime Interface Emulator."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.log = process, log
        self.url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    def invoke(self, event: object) -> object:
        request = urllib.request.Request(self.url, json.dumps(event).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                pytest.fail(f"{error}: {error.read().decode()}\n{self.log.read_text()}")


@contextlib.contextmanager
def emulated(tree: Path, root: Path, handler: str, log: Path) -> Iterator[Lambda]:
    """Run an unpacked artifact at /var/task of a root; the emulator itself executes its bootstrap."""
    port, api = free_port(), free_port()
    command = parts.in_root(
        root,
        (parts.need(f"rie-{parts.HOST}"), "/rie/aws-lambda-rie"),
        (tree, "/var/task"),
        environment={**LAMBDA, "_HANDLER": handler},
    )
    command += ["/rie/aws-lambda-rie", "--log-level", "error"]
    command += ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{api}"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            wait_for(port, process, log)
            yield Lambda(process, port, log)
        finally:
            process.kill()


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    pytest.fail(f"the emulator does not listen:\n{log.read_text()}")


def package(
    out: Path,
    *options: str,
    target: str = "aws",
    source: Path = REPOSITORY / "examples/hello/hello.py",
    environment: dict[str, str] | None = None,
) -> list[Path]:
    """Package a source as a user would; returns the artifacts."""
    # PV202 is true of an interpreter made from Debian's packages: its glibc is newer than Lambda's.
    command = [
        *(sys.executable, "-m", "polyfn", "package", str(source)),
        *("--target", target, "--out", str(out)),
        *(("--ignore", "PV202") if target == "aws" else ()),
    ]
    answer = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert answer.returncode == 0, answer.stderr
    return [Path(line) for line in answer.stdout.splitlines()]
