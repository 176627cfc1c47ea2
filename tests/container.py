"""A finished container image: made as a user makes it, and its own entrypoint in its own root."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polyfn.toolchain.emulation.processes import descendant
from polyfn.toolchain.emulation.sandbox import WRAPPERS, sandboxed
from polyfn_gcp.emulator.image import opened
from tests import parts
from tests.ports import free_port

PROJECT = """
    [project]
    name = "shop"
    version = "1"
    requires-python = ">=3.11"

    [tool.polyfn]
    module = "shop"

    [tool.polyfn.gcp]
    {settings}
    """


def packaged(folder: Path, source: str, settings: str, cache: Path) -> Path:
    """Package a module as an image for Google Cloud Run with this machine's interpreter."""
    project = folder / "shop"
    project.mkdir(parents=True)
    (project / "shop.py").write_text(textwrap.dedent(source))
    (project / "pyproject.toml").write_text(textwrap.dedent(PROJECT.format(settings=settings)))
    command = [sys.executable, "-m", "polyfn", "package", str(project), "--target", "gcp"]
    command += ["--interpreter", "host", "--arch", parts.HOST, "--ignore", "PV202"]
    command += ["--out", str(folder / "out")]
    environment = os.environ | {"POLYFN_CACHE": str(cache)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


class Service:
    """A running container. `log` is what it has written."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log
        self.url = f"http://127.0.0.1:{port}/"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def terminate(self) -> None:
        """Send the container's first process SIGTERM, as the platform does."""
        main = descendant(self.process.pid, WRAPPERS)
        assert main is not None, self.log
        os.kill(main.pid, signal.SIGTERM)


@contextlib.contextmanager
def running(image: Path, log: Path) -> Iterator[Service]:
    """Run an image under bubblewrap with Cloud Run's variables; it is killed when the block ends."""
    program, port = parts.need("bwrap"), free_port()
    with opened(image) as made, log.open("wb") as output:
        command, environment = sandboxed(made.container, program)
        told = {"PORT": str(port), "K_SERVICE": "shop", "K_REVISION": "shop-00001", "K_CONFIGURATION": "shop"}
        with subprocess.Popen(
            command, env={**environment, **told}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ) as process:
            try:
                _wait(process, port, log)
                yield Service(process, port, log)
            finally:
                process.kill()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    pytest.fail(f"the container does not listen:\n{log.read_text()}")
