"""A project with pydantic, httpx and a compiled package, packaged for both architectures and executed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from polyfn.toolchain.bundle import elf
from tests import parts, standalone

# Making the parts may include downloads.
pytestmark = pytest.mark.timeout(600)

PYPROJECT = """
[project]
name = "orders"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["pydantic>=2.9", "httpx>=0.27", "msgspec>=0.18"]

[tool.polyfn]
module = "orders"
prune = ["sqlite3"]
"""
#: It uses each of its dependencies, an import of a module that was left out, and a traceback.
MODULE = """
import sys
import traceback

import httpx
import msgspec
from pydantic import BaseModel

import polyfn

try:
    import sqlite3
except ImportError as error:
    left_out = str(error)


class Order(BaseModel):
    number: int
    tags: list[str] = []


def answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=msgspec.json.encode({"path": request.url.path}))


@polyfn.function
def order(event: Order) -> dict:
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        told = msgspec.json.decode(client.get(f"https://shop.example/orders/{event.number}").content)
    try:
        msgspec.json.decode(b"{")
        __import__("json").loads("{")
    except ValueError:
        pass
    try:
        __import__("json").loads("{")
    except ValueError:
        trace = traceback.format_exc()
    return {
        "path": told["path"], "packed": list(msgspec.msgpack.encode(event.tags)), "left out": left_out,
        "trace": trace, "machine": __import__("os").uname().machine, "executable": sys.executable,
    }
"""


def made(folder: Path, *options: str, **environment: str) -> list[Path]:
    project = folder / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "orders.py").write_text(MODULE)
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "polyfn",
            "package",
            str(project),
            "--target",
            "aws",
            "--ignore",
            "PV202",
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "POLYFN_CACHE": str(folder / "cache"), **environment},
    )
    assert answer.returncode == 0, answer.stderr
    return [Path(folder, line) for line in answer.stdout.splitlines()]


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("both")
    list_ = standalone.downloads(folder, "amd64", "arm64")
    options = ("--arch", "amd64,arm64", "--python", standalone.PYTHON, "--interpreter", "managed")
    amd64, arm64 = made(folder, *options, UV_PYTHON_DOWNLOADS_JSON_URL=list_)
    return {"amd64": amd64, "arm64": arm64}


def assert_works(aws, tree: Path, root: Path, arch: str) -> None:
    with aws(tree, root, "order") as function:
        told = function.invoke({"number": 7, "tags": ["a"]})
        assert told["path"] == "/orders/7"
        assert told["packed"] == [0x91, 0xA1, ord("a")]
        assert told["machine"] == {"amd64": "x86_64", "arm64": "aarch64"}[arch]
        assert told["executable"].startswith("/var/task/python/bin/python3.")
        assert 'keep = ["sqlite3"]' in told["left out"]
        # The user's line is shown; the library's is named.
        assert '__import__("json").loads("{")' in told["trace"]
        assert 'json/decoder.py", line ' in told["trace"]
        fault = function.invoke({"number": "seven"})
        assert set(fault) >= {"errorMessage", "errorType"}


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_managed(arch, both, unpacked, aws):
    if arch != parts.HOST:
        parts.need("qemu")
    tree = unpacked(both[arch])
    machines = {facts.machine for path in tree.rglob("*") if (facts := elf.read(path)) is not None}
    assert machines == {arch}
    assert not (tree / "python/lib/libsqlite3.so.0").exists()
    assert_works(aws, tree, parts.need(f"root-{arch}"), arch)


def test_host_where_there_is_no_libc(unpacked, aws, tmp_path):
    [artifact] = made(tmp_path, "--arch", parts.HOST, "--interpreter", "host")
    root = parts.empty_root(tmp_path / "root")
    assert_works(aws, unpacked(artifact), root, parts.HOST)


def test_without_dependencies_it_is_small(managed):
    """10 MB is what is promised for a function that brings nothing: docs/performance.md."""
    with zipfile.ZipFile(managed[parts.HOST]) as archive:
        site = sum(entry.compress_size for entry in archive.infolist() if entry.filename.startswith("site/"))
    assert site > 1_000_000
    assert managed[parts.HOST].stat().st_size - site < 10_000_000
