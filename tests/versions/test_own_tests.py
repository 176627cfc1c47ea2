"""The tests of what ships, on newer Pythons than the one that runs the others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import parts, standalone

REPOSITORY = Path(__file__).parents[2]
#: All that they import besides the standard library and what they test.
NEEDS = ("fastapi", "hypothesis", "pydantic", "pytest", "pytest-timeout")
TESTS = ("tests/core", "plugins/aws/tests/runtime")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("python", ["3.14", "3.15"])
def test_on(python, tmp_path):
    program = environment(standalone.here(python), tmp_path / "venv")
    # test_typing asks mypy, to which it is all the same who runs it.
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "pythonpath=. plugins/aws",
        "--ignore",
        "tests/core/test_typing.py",
    ]
    done = subprocess.run(
        [program, "-m", "pytest", *options, *TESTS],
        cwd=REPOSITORY, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def environment(program: Path, folder: Path) -> Path:
    """Make a virtual environment of an interpreter with NEEDS, in the versions that are pinned."""
    python = folder / "bin" / "python"
    pins = str(REPOSITORY / "requirements/dev.txt")
    for command in (
        ["venv", "--python", str(program), str(folder)],
        ["pip", "install", "--python", str(python), "--only-binary", ":all:", "-c", pins, *NEEDS],
    ):
        done = subprocess.run([sys.executable, "-m", "uv", *command, "-q"], capture_output=True, text=True)
        if done.returncode != 0:
            parts.missing(f"uv {command[0]} for {program.name}: {done.stderr.strip()}")
    return python
