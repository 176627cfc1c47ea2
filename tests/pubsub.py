"""Google's own Pub/Sub emulator: a Java program that comes with the Google Cloud SDK.

It pushes to any address and speaks REST (https://cloud.google.com/pubsub/docs/reference/rest) on the port
that it is given.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

PROJECT = "projects/polyfn"
#: Where the SDK keeps the emulator below its root, as an archive and as Debian's package.
JARS = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"


def emulator() -> tuple[Path, Path]:
    """Return java and the emulator's archive, or skip the test.

    This is the one part that may be missing under POLYFN_REQUIRE_ALL=1 too: neither Debian nor PyPI nor
    npm has it, only Google's own package repository, so `parts.missing` would fail for good there.
    """
    java, jar = shutil.which("java"), _jar()
    if java is None or jar is None:
        what = "java" if java is None else "the Pub/Sub emulator of the Google Cloud SDK"
        pytest.skip(f"{what} is not installed, and no registry of packages that tests use has it")
    return Path(java), jar


def _jar() -> Path | None:
    program = shutil.which("gcloud")
    if program is None:
        return None
    found = sorted(Path(program).resolve().parents[1].glob(JARS))
    return (found or _told(program) or [None])[-1]


def _told(program: str) -> list[Path]:
    """The archives below the root that the SDK itself names: `gcloud` may be a script of somebody else's."""
    command = [program, "info", "--format=value(installation.sdk_root)"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    root = done.stdout.strip()
    return sorted(Path(root).glob(JARS)) if done.returncode == 0 and root else []


class PubSub:
    """The emulator: `topic`, `push` and `publish` are what its REST interface has."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/{PROJECT}"

    def topic(self, name: str) -> None:
        self._ask("PUT", f"topics/{name}", {})

    def push(self, name: str, topic: str, address: str, **more: Any) -> None:
        """Make a subscription that pushes to an address; failures are sent again after 1 to 2 seconds."""
        told = {
            "topic": f"{PROJECT}/topics/{topic}",
            "pushConfig": {"pushEndpoint": address},
            "ackDeadlineSeconds": 10,
            "retryPolicy": {"minimumBackoff": "1s", "maximumBackoff": "2s"},
        }
        self._ask("PUT", f"subscriptions/{name}", told | more)

    def unsubscribe(self, name: str) -> None:
        self._ask("DELETE", f"subscriptions/{name}")

    def publish(
        self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None, key: str | None = None
    ) -> str:
        """Publish a message; return its id."""
        message: dict[str, Any] = {"data": base64.b64encode(data).decode(), "attributes": attributes or {}}
        if key is not None:
            message["orderingKey"] = key
        [id_] = self._ask("POST", f"topics/{topic}:publish", {"messages": [message]})["messageIds"]
        return str(id_)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self._url}/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=15) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                pytest.fail(f"{method} {path}: {error}: {error.read().decode()}")


@contextlib.contextmanager
def running(log: Path) -> Iterator[PubSub]:
    """Run the emulator; it is killed, and whatever it started, when the block ends."""
    java, jar = emulator()
    port = free_port()
    command = [java, "-Xmx256m", "-jar", jar, "--host=127.0.0.1", f"--port={port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait(process, log)
        yield PubSub(port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def _wait(process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 60
    while "Server started, listening on" not in log.read_text():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"the Pub/Sub emulator does not start:\n{log.read_text()}")
        time.sleep(0.05)
