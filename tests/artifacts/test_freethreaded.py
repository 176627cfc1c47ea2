"""Artifacts with a free-threaded Python and compiled dependencies, executed by AWS's own emulator."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from polyfn.toolchain.bundle import elf
from tests import freethreaded, parts
from tests.toolchain.verify import zips

# Making the parts includes compiling CPython, twice.
pytestmark = pytest.mark.timeout(900)

#: Each has wheels for cp313t; what is newer of them has none.
PYPROJECT = """
[project]
name = "threads"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["pydantic>=2.9", "markupsafe>=3"]

[tool.polyfn]
module = "threads"
python = "3.13t"
"""
MODULE = """
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import markupsafe._speedups
import pydantic_core
from pydantic import BaseModel

import polyfn


class Order(BaseModel):
    numbers: list[int]


def total(order: Order) -> int:
    return sum(Order.model_validate(order.model_dump()).numbers)


@polyfn.function
def count(event: Order) -> dict:
    with ThreadPoolExecutor(4) as pool:
        totals = list(pool.map(total, [event] * 8))
    return {
        "totals": totals, "gil": sys._is_gil_enabled(), "flags": sys.abiflags, "machine": os.uname().machine,
        "modules": [markupsafe._speedups.__file__, pydantic_core._pydantic_core.__file__],
    }
"""


def polyfn(*arguments, **environment) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "polyfn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def made(folder: Path, *options: str | Path, **environment: str) -> list[Path]:
    (folder / "project").mkdir()
    (folder / "project" / "pyproject.toml").write_text(PYPROJECT)
    (folder / "project" / "threads.py").write_text(MODULE)
    # PV202 is true of an interpreter that was built on Debian 12: its glibc is newer than Lambda's.
    where = ("--target", "aws", "--out", folder / "out", "--ignore", "PV202")
    cache = str(folder / "cache")
    answer = polyfn("package", folder / "project", *where, *options, POLYFN_CACHE=cache, **environment)
    assert answer.returncode == 0, answer.stderr
    assert "no bytecode" not in answer.stderr
    assert "compiling for" not in answer.stderr  # by one of another version
    return [Path(line) for line in answer.stdout.splitlines()]


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("both")
    options = ("--arch", "amd64,arm64", "--interpreter", "managed")
    list_ = freethreaded.downloads(folder, "amd64", "arm64")
    amd64, arm64 = made(folder, *options, UV_PYTHON_DOWNLOADS_JSON_URL=list_)
    return {"amd64": amd64, "arm64": arm64}


@pytest.fixture(scope="module")
def carried(tmp_path_factory) -> Path:
    """With the interpreter of this machine, which is found because it is on the PATH."""
    path = os.pathsep.join([str(freethreaded.installed()), os.environ["PATH"]])
    options = ("--arch", parts.HOST, "--interpreter", "host")
    [artifact] = made(tmp_path_factory.mktemp("carried"), *options, PATH=path)
    return artifact


@pytest.fixture(scope="module")
def archived(tmp_path_factory) -> Path:
    options = ("--arch", parts.HOST, "--interpreter", freethreaded.archive(parts.HOST))
    [artifact] = made(tmp_path_factory.mktemp("archived"), *options)
    return artifact


def assert_works(aws, tree: Path, root: Path, arch: str) -> None:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[arch]
    with aws(tree, root, "count") as function:
        told = function.invoke({"numbers": [1, 2, 3]})
        assert told["totals"] == [6] * 8
        assert (told["gil"], told["flags"], told["machine"]) == (False, "t", machine)
        assert all(name.endswith(f".cpython-313t-{machine}-linux-gnu.so") for name in told["modules"])
        assert set(function.invoke({"numbers": ["seven"]})) >= {"errorMessage", "errorType"}


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_managed(arch, both, unpacked, aws):
    if arch != parts.HOST:
        parts.need("qemu")
    tree = unpacked(both[arch])
    assert elf.read(tree / "python/bin/python3.13t").machine == arch
    assert_works(aws, tree, parts.need(f"root-{arch}"), arch)


def test_host_in_an_empty_root(carried, unpacked, aws, tmp_path):
    assert_works(aws, unpacked(carried), parts.empty_root(tmp_path / "root"), parts.HOST)


def test_archive(archived, unpacked, aws):
    assert_works(aws, unpacked(archived), parts.need(f"root-{parts.HOST}"), parts.HOST)


def test_it_says_what_it_is(both, carried, archived):
    for artifact in (*both.values(), carried, archived):
        with zipfile.ZipFile(artifact) as archive:
            told = json.loads(archive.read("polyfn.json"))
            names = archive.namelist()
        assert told["interpreter"]["version"] == f"{freethreaded.version()}t"
        # The library is bytecode alone, and what is never imported was left out of it as well.
        assert "python/lib/python3.13t/json/__init__.pyc" in names
        assert not [name for name in names if "/idlelib/" in name or name.startswith("python/bin/idle")]


def test_the_sbom_names_a_version_that_advisories_know(carried, tmp_path):
    answer = polyfn("report", carried, "--sbom", tmp_path / "sbom.json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads((tmp_path / "sbom.json").read_text())["components"]
    (interpreter,) = [one for one in found if one["bom-ref"] == "interpreter"]
    version = freethreaded.version()
    assert (interpreter["version"], interpreter["purl"]) == (version, f"pkg:generic/python@{version}")
    assert {"name": "polyfn:build", "value": "free-threaded"} in interpreter["properties"]


def test_verify_has_nothing_to_say(both, carried, archived):
    for artifact in (*both.values(), carried, archived):
        answer = polyfn("verify", artifact, "--ignore", "PV202", "--json")
        told = json.loads(answer.stdout)
        assert (told["findings"], told["python"]) == ([], "3.13t"), artifact


@pytest.mark.parametrize("name", ["_x.cpython-313-x86_64-linux-gnu.so", "_x.abi3.so", "_x.abi3t.so"])
def test_a_module_for_the_other_kind_is_found(name, both, tmp_path):
    path = Path(shutil.copy(both["amd64"], tmp_path / "planted.zip"))
    with zipfile.ZipFile(path, "a") as archive:
        member = next(name for name in archive.namelist() if "_speedups" in name and name.endswith(".so"))
        zips.add(archive, f"site/planted/{name}", archive.read(member))
    told = json.loads(polyfn("verify", path, "--ignore", "PV202", "--json").stdout)
    assert [(one["code"], one["path"]) for one in told["findings"]] == [("PV303", f"site/planted/{name}")]
