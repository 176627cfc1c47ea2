"""AWS's own Runtime Interface Emulator, around any command."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import parts
from tests.ports import free_port


@contextlib.contextmanager
def running(command: list[str], cwd: Path, **environment: str) -> Iterator[Callable[[Any], Any]]:
    """Run the command behind the emulator; give what invokes it with JSON and returns JSON."""
    port = free_port()
    emulator = [
        str(parts.need(f"rie-{parts.HOST}")),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{free_port()}"),
        *command,
    ]
    process = subprocess.Popen(
        emulator, cwd=cwd, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

    def invoke(payload: Any) -> Any:
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        request = urllib.request.Request(url, json.dumps(payload).encode())
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read())

    try:
        _wait(port, process)
        yield invoke
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise AssertionError(f"the emulator ended: {process.communicate()[0]!r}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the emulator does not listen")
