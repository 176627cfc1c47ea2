"""Trees to make images of, and a registry: Debian's docker-registry, serving on this machine."""

import contextlib
import functools
import http.client
import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from polyfn.toolchain.artifacts.oci import image
from polyfn.toolchain.artifacts.oci.image import ImageSpec
from polyfn.toolchain.artifacts.oci.layers import LayerSpec
from tests import parts
from tests.ports import free_port

EPOCH = 1_700_000_000


def grow(root: Path, files: dict[str, bytes | str]) -> Path:
    """Write files; text that begins with `-> ` becomes a link, a name that ends in `*` is executable."""
    for name, content in files.items():
        place = root / name.rstrip("*")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            place.symlink_to(content[3:])
            continue
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        place.chmod(0o755 if name.endswith("*") else 0o644)
    return root


#: A bundle in small: what seldom changes is big.
BUNDLE = {
    "python/bin/python3.13*": b"\x7fELF" + os.urandom(300_000),
    "python/bin/python3": "-> python3.13",
    "python/lib/os.py": "x = 1\n" * 9000,
    "site/pkg/__init__.py": "y = 2\n",
    "site/pkg/data.bin": os.urandom(200_000),
    "app/hello.py": "def hello():\n    return 'hello'\n",
    "app/ünï.txt": "ü",
    f"app/{'long/' * 30}{'n' * 90}.txt": "deep",
    "start*": "#!/bin/sh\n",
}


def spec(root: Path, arch: str = "amd64", **more) -> ImageSpec:
    """An image of such a tree, in layers by their rate of change."""
    layers = (
        LayerSpec("interpreter", root, ("python",), "srv", folders=(("tmp", 0o1777),)),
        LayerSpec("dependencies", root, ("site",), "srv"),
        LayerSpec("code", root, ("app", "start"), "srv"),
    )
    told = {
        "entrypoint": ("/srv/start",),
        "command": ("--all",),
        "env": {"PORT": "8080"},
        "workdir": "/srv/app",
        "labels": {"team": "one"},
        "annotations": {"org.opencontainers.image.version": "1.2"},
        "ports": ("8080/tcp",),
        "name": "hello",
        "tag": "latest",
    }
    return ImageSpec(arch=arch, layers=layers, **{**told, **more})


@pytest.fixture
def tree(tmp_path):
    return grow(tmp_path / "tree", BUNDLE)


@pytest.fixture
def archive(tree, tmp_path):
    """An oci-archive for amd64."""
    path = tmp_path / "hello-amd64.tar"
    image.write(spec(tree), path, epoch=EPOCH)
    return path


@pytest.fixture
def run():
    """Runs a program that a test needs; returns its stdout. A failure shows what it said."""

    def running(program: str, *arguments: object, fails: bool = False, **more) -> str:
        command = [str(parts.need(program)), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, **more)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return running


@dataclass
class Registry:
    """A running docker-registry."""

    host: str
    folder: Path
    log: Path

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def json(self, path: str) -> dict:
        accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
        status, _, body = self.get(path, Accept=accept)
        assert status == 200, body
        return json.loads(body)

    def requests(self) -> list[str]:
        """Return `METHOD path status` of every request that was answered."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [
            f"{one['http.request.method']} {one['http.request.uri']} {one['http.response.status']}"
            for one in lines
            if "http.response.status" in one
        ]


@contextlib.contextmanager
def serving(folder: Path, extra: str = ""):
    """Run docker-registry over a folder; `extra` is more of its configuration."""
    program = parts.need("docker-registry")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: info, formatter: json}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http:\n  addr: 127.0.0.1:{port}\n{extra}"
    )
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [program, "serve", folder / "config.yml"], stdout=sink, stderr=sink, env={"PATH": os.defpath}
        )
        try:
            _wait(process, port, log)
            yield Registry(f"127.0.0.1:{port}", folder, log)
        finally:
            process.terminate()
            process.wait(10)


def _wait(process, port: int, log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def registry(tmp_path):
    with serving(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def serve(tmp_path):
    return functools.partial(serving, tmp_path / "registry")


@pytest.fixture(autouse=True)
def nobody(tmp_path, monkeypatch):
    """Whoever runs the tests may be logged in somewhere: here it is nobody."""
    for name in ("DOCKER_AUTH_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
