"""The launcher, executed on both architectures, with nothing but itself and what it executes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from polyfn.toolchain.bundle import elf
from polyfn.toolchain.bundle.launcher import launcher
from tests import parts

SEES = '#!/bin/sh\nprintf "%s\\n" "$PWD" "$0" "$@"\nenv | grep ^MARK= || :\n'
WORDS = ("python/bin/python3.11", "-I", "-X", "utf8", "start.pyc")


@pytest.fixture(params=["amd64", "arm64"])
def bundle(request, tmp_path):
    if request.param != parts.HOST:
        parts.need("qemu")
    root = tmp_path / "a 'bundle' $HOME"
    (root / "python/bin").mkdir(parents=True)
    program = root / "python/bin/python3.11"
    program.write_text(SEES)
    program.chmod(0o755)
    write(root / "start", request.param)
    return root


def write(path: Path, arch: str) -> None:
    path.write_bytes(launcher(arch, WORDS, root_variable="TASK_ROOT"))
    path.chmod(0o755)


def run(command, **more):
    answer = subprocess.run(command, capture_output=True, text=True, **more)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


@pytest.mark.parametrize("how", ["absolute", "relative", "here", "path"])
def test_executes_what_lies_beside_it(bundle, how):
    command, cwd = {
        "absolute": (str(bundle / "start"), "/"),
        "relative": (f"{bundle.name}/start", bundle.parent),
        "here": ("./start", bundle),
        "path": ("start", "/"),
    }[how]
    environment = {"PATH": f"{bundle}:/usr/bin:/bin", "MARK": "kept"}
    lines = run(["env", "-i", *(f"{k}={v}" for k, v in environment.items()), command], cwd=cwd)
    assert lines == [str(bundle), *WORDS, "MARK=kept"]


def test_copied_away_it_asks_the_variable(bundle, tmp_path):
    copy = tmp_path / "elsewhere" / "bootstrap"
    copy.parent.mkdir()
    shutil.copy(bundle / "start", copy)
    near_misses = {"TASK_ROO": "/x", "TASK_ROOT2": "/y", "XTASK_ROOT": "/z"}
    environment = {**near_misses, "TASK_ROOT": str(bundle), "PATH": "/usr/bin:/bin"}
    assert run([copy], env=environment)[0] == str(bundle)


def test_fails_as_a_shell_does_where_there_is_nothing(bundle):
    (bundle / "python/bin/python3.11").unlink()
    assert subprocess.run([bundle / "start"], env={}).returncode == 127
    assert subprocess.run([bundle / "start"], env={"TASK_ROOT": "/nowhere"}).returncode == 127


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_is_a_sound_static_program(arch, tmp_path):
    write(tmp_path / "start", arch)
    facts = elf.read(tmp_path / "start")
    assert (facts.machine, facts.interpreter, facts.needed) == (arch, None, ())
    assert (tmp_path / "start").stat().st_size < 600


def test_without_a_variable_no_variable_counts(bundle):
    arch = elf.read(bundle / "start").machine
    (bundle / "start").write_bytes(launcher(arch, ("missing",)))
    assert subprocess.run([bundle / "start"], env={"A": "/"}).returncode == 127
