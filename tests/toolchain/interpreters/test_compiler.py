"""Which Python compiles: the bundle's own, one of exactly its version, or one of its minor version."""

import os
import platform
import stat
import subprocess
import sys

import pytest

from polyfn.toolchain.bundle import bytecode, find, managed
from polyfn.toolchain.bundle.compiler import choose
from tests import parts, standalone

OTHER = {"amd64": "arm64", "arm64": "amd64"}[parts.HOST]
#: A release of the running minor version that nobody has.
ABSENT = f"{find.default_python()}.99"


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """uv can fetch nothing."""
    path = tmp_path / "none.json"
    path.write_text("{}")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", path.as_uri())


def chosen(version, log, cache, **changed):
    options = {"arch": OTHER, "source": "archive", "program": None, "cache": cache, "log": log.append}
    return choose(version, **{**options, **changed})


def test_one_of_exactly_the_version_is_taken_in_silence(nowhere, tmp_path):
    log = []
    found = chosen(platform.python_version(), log, tmp_path)
    assert (found.version, log) == (platform.python_version(), [])
    assert platform.python_version() in found.build


def test_one_of_the_minor_version_is_taken_and_told(nowhere, tmp_path):
    log = []
    found = chosen(ABSENT, log, tmp_path)
    assert found.version == platform.python_version()
    [line] = log
    assert line.startswith(f"compiling for Python {ABSENT} with {found.version}")
    assert line.endswith(f"(uv python install {ABSENT})")


def test_a_minor_version_asks_for_no_release(nowhere, tmp_path):
    log = []
    assert (
        chosen(find.default_python(), log, tmp_path, source="platform").version == platform.python_version()
    )
    assert log == []


def test_none_is_told_too(nowhere, tmp_path, monkeypatch):
    monkeypatch.setattr(find, "_ask_uv", lambda _: None)
    log = []
    assert chosen("3.99.1", log, tmp_path) is None
    [line] = log
    assert line.startswith(f"no bytecode for {OTHER}: there is no Python 3.99.1 for this machine")


def test_a_program_that_does_not_run_here_is_passed_over(nowhere, tmp_path):
    broken = tmp_path / "python3"
    broken.write_text("#!/nowhere/at/all\n")
    for mode in (0o755, 0o644):
        broken.chmod(mode)
        found = chosen(platform.python_version(), [], tmp_path, arch=parts.HOST, program=broken)
        assert found.program != str(broken)


def test_the_interpreter_itself_comes_first(nowhere, tmp_path):
    mine = tmp_path / "python3"
    mine.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    mine.chmod(mine.stat().st_mode | stat.S_IXUSR)
    assert chosen(ABSENT, [], tmp_path, arch=parts.HOST, program=mine).program == str(mine)
    # For the other architecture it cannot be: whatever ran under an emulator would take minutes.
    assert chosen(ABSENT, [], tmp_path, arch=OTHER, program=mine).program != str(mine)


def test_what_uv_cannot_fetch_is_asked_for_once(nowhere, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(find, "_ask_uv", lambda _: None)
    real = managed.fetch
    monkeypatch.setattr(managed, "fetch", lambda *given: asked.append(given) or real(*given))
    for refresh, times in ((False, 1), (False, 1), (True, 2)):
        chosen("3.99.1", [], tmp_path, refresh=refresh)
        assert len(asked) == times


def test_exactly_the_version_is_fetched_for_a_managed_interpreter_of_the_other_architecture(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", standalone.downloads(tmp_path, "amd64", "arm64"))
    monkeypatch.setattr(find, "_ask_uv", lambda _: None)
    version, log = standalone.version(OTHER), []
    found = chosen(version, log, tmp_path / "cache", source="managed")
    assert (found.version, log) == (version, [])
    if version != platform.python_version():
        assert str(tmp_path / "cache") in found.program


def test_both_architectures_get_the_same_bytecode(tmp_path, monkeypatch):
    """The same source, for two interpreters of one version that were fetched on this machine."""
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", standalone.downloads(tmp_path, "amd64", "arm64"))
    written = set()
    for arch in ("amd64", "arm64"):
        tree = tmp_path / arch / "app"
        tree.mkdir(parents=True)
        (tree / "a.py").write_text("def f(x):\n    with x as y:\n        return {'a', y, *x}\n")
        found = choose(
            standalone.version(arch), arch=arch, source="managed", program=None, cache=tmp_path / "cache",
            log=pytest.fail,
        )  # fmt: skip
        assert bytecode.compile_tree(tmp_path / arch, found, pytest.fail, [("app",)])
        [compiled] = tree.rglob("*.pyc")
        written.add(compiled.read_bytes())
        assert os.fspath(tmp_path).encode() not in compiled.read_bytes()
    assert len(written) == 1
    assert subprocess.run([found.program, "-I", "-S", compiled], check=False).returncode == 0
