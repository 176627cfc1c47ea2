"""Newer Pythons than this machine has: packaged from a list of downloads, executed by AWS's own emulator."""

import os
from pathlib import Path

import pytest

from polyfn.toolchain.bundle import elf
from polyfn.toolchain.verify.checks.bytecode import MAGIC
from tests import parts, standalone
from tests.artifacts.harness import package

# Making the parts may include downloads.
pytestmark = pytest.mark.timeout(600)

VERSIONS = {"3.14": ["amd64"], "3.15": ["amd64", "arm64"]}
#: Its annotation names what comes later (PEP 649, Python 3.14), and two of its imports wait (PEP 810, 3.15).
MODULE = """
# /// script
# dependencies = ["pydantic>=2.12"]
# ///
__lazy_modules__ = ["colorsys"]

import asyncio
import colorsys
import os
import sched
import sys
import wave
from dataclasses import dataclass

import polyfn


@polyfn.function
async def order(event: Order) -> dict:
    loaded = [name in sys.modules for name in ("colorsys", "wave", "sched")]
    try:
        import pydoc_data
    except ImportError as error:
        left_out = str(error)
    await asyncio.sleep(0)
    return {
        "python": "%d.%d" % sys.version_info[:2], "machine": os.uname().machine, "count": event.count,
        "loaded": loaded, "works": [colorsys.rgb_to_hsv(0, 0, 0), wave.WAVE_FORMAT_PCM], "left out": left_out,
    }


@dataclass
class Order:
    count: int
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Packages MODULE for a version and its architectures, once."""
    done: dict[str, dict[str, Path]] = {}

    def make(python: str) -> dict[str, Path]:
        if python not in done:
            folder = tmp_path_factory.mktemp("version")
            text = MODULE if python == "3.14" else MODULE.replace("import wave", "lazy import wave")
            (folder / "shop.py").write_text(text)
            archs = VERSIONS[python]
            environment = {
                "UV_PYTHON_DOWNLOADS_JSON_URL": standalone.downloads(folder, *archs, python=python),
                "POLYFN_CACHE": str(folder / "cache"),
                # So that there is one to collect and to compile with: the target's does not run here.
                "PATH": f"{standalone.here(python).parent}{os.pathsep}{os.environ['PATH']}",
            }
            options = ("--arch", ",".join(archs), "--python", python, "--interpreter", "managed")
            artifacts = package(folder / "out", *options, source=folder / "shop.py", environment=environment)
            done[python] = dict(zip(archs, artifacts, strict=True))
        return done[python]

    return make


@pytest.mark.parametrize(
    ("python", "arch"), [(python, arch) for python in VERSIONS for arch in VERSIONS[python]]
)
def test_a_newer_python(python, arch, made, unpacked, aws):
    if arch != parts.HOST:
        parts.need("qemu")
    tree = unpacked(made(python)[arch])
    assert elf.read(tree / f"python/bin/python{python}").machine == arch
    # It is started by the bytecode of polyfn.runtime.boot, out of the pack.
    assert b"start.pyc" in (tree / "bootstrap").read_bytes()
    assert (tree / "modules.pack").is_file()
    assert int.from_bytes((tree / "start.pyc").read_bytes()[:2], "little") == MAGIC[python]
    with aws(tree, standalone.root(arch, python), "order") as function:
        told = function.invoke({"count": 3})
        assert (told["python"], told["machine"]) == (python, standalone.MACHINE[arch])
        assert (told["count"], told["works"]) == (3, [[0, 0, 0], 1])
        # The third is not said to wait, whatever the environment says (PYTHON_LAZY_IMPORTS).
        assert told["loaded"] == [python == "3.14", python == "3.14", True]
        assert 'keep = ["pydoc_data"]' in told["left out"]
        assert set(function.invoke({"count": "three"})) >= {"errorMessage", "errorType"}
