"""The host interpreter, carried: real copies, run where there is no Python, no libc and no loader."""

import json
import subprocess
from pathlib import Path

import pytest

from polyfn.toolchain.bundle import elf, find, host, places
from polyfn.toolchain.bundle.interpreter import complete, install
from polyfn.toolchain.errors import InterpreterError
from tests import parts

OTHER = {"amd64": "arm64", "arm64": "amd64"}[parts.HOST]


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    root = tmp_path_factory.mktemp("a bundle")
    interpreter = install("host", arch=parts.HOST, python=None, root=root, cache=root / "cache")
    return interpreter, root


def test_says_what_it_is_without_a_local_path(carried):
    interpreter, root = carried
    assert interpreter.source == "host"
    assert interpreter.python == find.default_python()
    assert interpreter.origin == f"cpython-{interpreter.version}"
    assert not any(part.startswith("/") for part in interpreter.command)
    assert (root / interpreter.command[0]).is_file()


def test_runs_in_an_empty_root(carried, finish, tmp_path):
    interpreter, root = carried
    finish(interpreter, root)
    command = parts.in_root(parts.empty_root(tmp_path / "root"), (root, "/var/task"))
    answer = subprocess.run([*command, "/var/task/start", "one", "two words"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["prefix"] == told["child"] == "/var/task/python", told["child_error"]
    assert told["version"] == interpreter.version
    assert told["argv"] == ["/var/task/start.py", "one", "two words"]
    assert all(entry.startswith("/var/task/") for entry in told["path"])
    assert told["utf8"] == 1 and not told["site"]
    assert "LD_LIBRARY_PATH" not in told["environment"]


def test_finds_itself_from_a_path_with_spaces_and_quotes(carried, finish, tmp_path):
    interpreter, root = carried
    finish(interpreter, root)
    place = tmp_path / 'it\'s a "$HOME" `x`'
    place.symlink_to(root)
    answer = subprocess.run([place / "start"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["prefix"] == f"{place}/python"


def test_names_no_place_of_this_machine(carried, finish):
    interpreter, root = carried
    finish(interpreter, root)
    prefix = host.probe(None).prefix
    if str(prefix) in ("/usr", "/usr/local"):
        pytest.skip("this machine's Python is where every machine has its own")
    named = [path for path in (root / "python").rglob("*") if path.is_file()]
    assert [path.name for path in named if str(prefix).encode() in path.read_bytes()] == []


def test_a_place_is_forgotten_byte_for_byte(tmp_path):
    place, library = tmp_path / "home" / "me" / "python-3.11", tmp_path / "tree" / "lib" / "x.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"\x7fELF\0" + bytes(place / "lib") + b"\0" + bytes(place) + b"\0end")
    before = library.read_bytes()
    places.forget(tmp_path / "tree", place, "3.11")
    after = library.read_bytes()
    assert len(after) == len(before)
    assert b"/me/" not in after
    # A linker may store the string "3.11" as the end of this one.
    assert b"/python-3.11/lib\0" in after and after.endswith(b"/python-3.11\0end")


def test_leaves_no_tests_packages_or_bytecode(tmp_path):
    install("host", arch=parts.HOST, python=None, root=tmp_path, cache=tmp_path / "cache")
    names = {path.name for path in (tmp_path / "python").rglob("*")}
    assert not names & {"site-packages", "__pycache__", "idlelib", "tkinter", "ensurepip", "test", "include"}


def test_every_library_it_needs_is_inside(carried):
    _, root = carried
    present = {path.name for path in (root / "python").rglob("*.so*")}
    for path in (root / "python").rglob("*"):
        facts = elf.read(path)
        if facts is not None:
            assert set(facts.needed) <= present, path


def test_takes_the_libraries_of_dependencies_along(tmp_path):
    root = tmp_path
    interpreter = install("host", arch=parts.HOST, python=None, root=root, cache=root / "cache")
    [library] = (root / "python/lib").glob("libssl.so*")
    library.unlink()
    [module] = (root / "python").rglob("_ssl.*.so")
    (root / "site").mkdir()
    module.rename(root / "site" / module.name)
    assert complete(interpreter, root) == ()
    assert library.is_file()


def test_other_architecture_is_refused_with_the_alternatives(tmp_path):
    with pytest.raises(InterpreterError) as caught:
        install("host", arch=OTHER, python=None, root=tmp_path, cache=tmp_path)
    assert OTHER in caught.value.message
    assert "managed" in caught.value.hint


def test_python_that_is_not_installed(tmp_path):
    with pytest.raises(InterpreterError, match=r"no Python 3\.99 is installed") as caught:
        install("host", arch=parts.HOST, python="3.99", root=tmp_path, cache=tmp_path)
    assert "uv python install 3.99" in caught.value.hint


@pytest.mark.parametrize("python", ["three", "2.7", "3", "3.x", "3.13tt", "t"])
def test_what_is_no_version_is_refused(tmp_path, python):
    with pytest.raises(InterpreterError, match="not a Python version"):
        install("host", arch=parts.HOST, python=python, root=tmp_path, cache=tmp_path)


def test_another_implementation_is_refused(tmp_path, monkeypatch):
    fake = tmp_path / "pypy"
    fake.write_text(
        '#!/bin/sh\necho \'{"executable": "/x", "version": "3.11.1", "stdlib": "/x", "dynload": [], '
        '"implementation": "pypy"}\'\n'
    )
    fake.chmod(0o755)
    monkeypatch.setattr(host, "base_executable", lambda _: str(fake))
    with pytest.raises(InterpreterError, match="is pypy"):
        host.probe(None)


def test_an_interpreter_that_does_not_start(tmp_path, monkeypatch):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setattr(host, "base_executable", lambda _: str(fake))
    with pytest.raises(InterpreterError, match="does not start: broken"):
        host.probe(None)


@pytest.mark.parametrize(
    ("loader", "message"), [(None, "not a dynamically linked program"), ("/lib/ld-musl-x86_64.so.1", "musl")]
)
def test_an_interpreter_that_cannot_be_carried(tmp_path, monkeypatch, loader, message):
    facts = elf.Elf(parts.HOST, loader, (), (), (), None)
    monkeypatch.setattr(host.elf, "read", lambda _: facts)
    with pytest.raises(InterpreterError, match=message) as caught:
        install("host", arch=parts.HOST, python=None, root=tmp_path / "root", cache=tmp_path)
    assert "managed" in caught.value.hint
    assert not (tmp_path / "root").exists()


def test_linked_copies_nothing(tmp_path):
    interpreter = install("linked", arch=parts.HOST, python=None, root=tmp_path, cache=tmp_path)
    assert interpreter.source == "linked"
    assert Path(interpreter.command[0]).is_absolute()
    assert list(tmp_path.iterdir()) == []


def test_platform_copies_nothing(tmp_path):
    interpreter = install("platform", arch="arm64", python="3.13", root=tmp_path, cache=tmp_path)
    assert (interpreter.version, interpreter.command, interpreter.origin) == ("3.13", (), None)
    assert list(tmp_path.iterdir()) == []
