"""The managed interpreter: uv itself, against a list of downloads and archives on this machine."""

import json
import subprocess

import pytest

from polyfn.toolchain.bundle import elf, managed
from polyfn.toolchain.bundle.interpreter import choose, install
from polyfn.toolchain.errors import InterpreterError
from tests import parts, standalone

OTHER = {"amd64": "arm64", "arm64": "amd64"}[parts.HOST]


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A list of downloads that has none."""
    path = tmp_path / "none.json"
    path.write_text("{}")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", path.as_uri())


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_fetches_runs_and_forgets_where_it_was(arch, cache, tmp_path, monkeypatch, finish):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", standalone.downloads(tmp_path, arch))
    root = tmp_path / "bundle"
    interpreter = install("managed", arch=arch, python=standalone.PYTHON, root=root, cache=cache)
    machine = standalone.MACHINE[arch]
    assert interpreter.version == standalone.version(arch)
    assert interpreter.origin == f"cpython-{interpreter.version}-linux-{machine}-gnu"
    assert interpreter.command == ("python/bin/python3.11",)
    assert elf.read(root / interpreter.command[0]).machine == arch
    for path in (root / "python").rglob("*"):
        assert not path.is_symlink()
        assert path.is_dir() or str(cache).encode() not in path.read_bytes(), path

    if arch != parts.HOST:
        parts.need("qemu")
    finish(interpreter, root)
    command = parts.in_root(parts.need(f"root-{arch}"), (root, "/var/task"))
    answer = subprocess.run([*command, "/var/task/start"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["prefix"] == told["child"] == "/var/task/python", told["child_error"]
    assert told["machine"] == machine
    assert told["version"] == interpreter.version


def test_second_time_comes_out_of_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", standalone.downloads(tmp_path, parts.HOST))
    first = managed.fetch(parts.HOST, standalone.PYTHON, tmp_path)
    monkeypatch.setattr(managed.uv_command, "binary", lambda: pytest.fail("uv was asked again"))
    assert managed.fetch(parts.HOST, standalone.PYTHON, tmp_path) == first
    assert managed.fetch(parts.HOST, standalone.version(parts.HOST), tmp_path) == first


def test_a_wrong_checksum_is_an_error_and_nothing_is_kept(tmp_path, monkeypatch):
    url = standalone.downloads(tmp_path, parts.HOST, sha256="0" * 64)
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", url)
    with pytest.raises(InterpreterError, match=r"(?i)hash|checksum"):
        managed.fetch(parts.HOST, standalone.PYTHON, tmp_path / "cache")
    assert list((tmp_path / "cache" / "interpreters").glob("cpython-*")) == []


def test_what_cannot_be_had_names_the_alternatives(tmp_path, nowhere):
    with pytest.raises(InterpreterError, match=r"could not fetch Python 3\.13 for arm64") as caught:
        install("managed", arch="arm64", python="3.13", root=tmp_path / "root", cache=tmp_path)
    assert "--interpreter host" in caught.value.hint and "archive" in caught.value.hint
    assert not (tmp_path / "root").exists()


def test_default_falls_back_to_host_in_one_line(tmp_path, nowhere):
    lines = []
    assert choose(None, arch=parts.HOST, python=None, cache=tmp_path, log=lines.append) == "host"
    assert len(lines) == 1 and "this machine's own Python" in lines[0] and "\n" not in lines[0]


def test_default_does_not_fall_back_across_architectures(tmp_path, nowhere):
    with pytest.raises(InterpreterError, match=OTHER):
        choose(None, arch=OTHER, python=None, cache=tmp_path, log=pytest.fail)


def test_default_is_managed_where_it_can_be_had(tmp_path, monkeypatch):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", standalone.downloads(tmp_path, "arm64"))
    chosen = choose(None, arch="arm64", python=standalone.PYTHON, cache=tmp_path / "c", log=pytest.fail)
    assert chosen == "managed"


def test_newest_of_a_minor_version_is_by_number(tmp_path):
    for name in ("3.11.9", "3.11.10", "3.11.11+freethreaded", "3.1.99", "3.14.0rc1"):
        (tmp_path / f"cpython-{name}-linux-x86_64-gnu" / "bin").mkdir(parents=True)
    assert managed._newest(tmp_path, "amd64", "3.11").name == "cpython-3.11.10-linux-x86_64-gnu"
    assert managed._newest(tmp_path, "amd64", "3.14").name == "cpython-3.14.0rc1-linux-x86_64-gnu"
    assert managed._newest(tmp_path, "arm64", "3.11") is None


def test_the_two_kinds_of_one_version_are_told_apart(tmp_path):
    names = ("3.13.4", "3.13.5", "3.13.4+freethreaded", "3.13.6+freethreaded+debug", "3.13.7+debug")
    for name in names:
        (tmp_path / f"cpython-{name}-linux-x86_64-gnu" / "bin").mkdir(parents=True)

    def newest(wanted):
        found = managed._newest(tmp_path, "amd64", wanted)
        return found and found.name.removeprefix("cpython-").removesuffix("-linux-x86_64-gnu")

    assert [newest(wanted) for wanted in ("3.13", "3.13t")] == ["3.13.5", "3.13.4+freethreaded"]
    assert [newest(wanted) for wanted in ("3.13.4", "3.13.4t")] == ["3.13.4", "3.13.4+freethreaded"]
    assert newest("3.13.5t") is None
