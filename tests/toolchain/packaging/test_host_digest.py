"""This machine's interpreter is known by its content, and not read when nothing touched it."""

import os
import shutil
import time

import pytest

from polyfn.toolchain.bundle import digests, host, host_digest
from polyfn.toolchain.bundle.store import Store


@pytest.fixture
def facts(tmp_path):
    """An interpreter whose files have rested for a while, as those of an installed one have."""
    prefix = tmp_path / "usr"
    library = prefix / "lib/python3.11"
    for name in (
        "os.py",
        "json/decoder.py",
        "lib-dynload/_ssl.so",
        "config-3.11/python.o",
        "json/__pycache__/x.pyc",
    ):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text(name)
    (prefix / "bin").mkdir()
    (prefix / "bin/python3.11").write_bytes(b"\x7fELF")
    return host.Facts(prefix / "bin/python3.11", "3.11.7", library, library / "lib-dynload", prefix)


@pytest.fixture
def later(monkeypatch):
    """An hour later: no file was changed just now."""
    now = time.time_ns()
    monkeypatch.setattr(host_digest.time, "time_ns", lambda: now + 3600 * 10**9)


@pytest.fixture
def read(monkeypatch):
    names = []
    real = digests.file
    monkeypatch.setattr(digests, "file", lambda path: (names.append(path.name), real(path))[1])
    return names


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def test_files_are_read_once(facts, store, read, later):
    first = host_digest.digest(facts, store)
    assert sorted(read) == ["_ssl.so", "decoder.py", "os.py", "python3.11"]
    read.clear()
    assert host_digest.digest(facts, store) == first
    assert read == []


def test_a_change_that_keeps_size_and_time_is_seen(facts, store, later):
    first = host_digest.digest(facts, store)
    file = facts.stdlib / "os.py"
    told = file.stat()
    file.write_text("OS.PY")
    assert file.stat().st_size == told.st_size
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert host_digest.digest(facts, store) != first


def test_what_changed_just_now_is_read_again(facts, store, read):
    host_digest.digest(facts, store)
    read.clear()
    host_digest.digest(facts, store)
    assert "os.py" in read


def test_the_same_content_has_the_same_digest_wherever_and_whenever(facts, store, tmp_path, later):
    first = host_digest._content(facts, store)
    shutil.copytree(facts.prefix, tmp_path / "other")
    for path in (tmp_path / "other").rglob("*.py"):
        os.utime(path, (1, 1))
    library = tmp_path / "other/lib/python3.11"
    there = host.Facts(
        tmp_path / "other/bin/python3.11", "3.11.7", library, library / "lib-dynload", tmp_path / "other"
    )
    assert host_digest._content(there, store) == first


def test_what_never_travels_does_not_count(facts, store, later):
    first = host_digest.digest(facts, store)
    (facts.stdlib / "config-3.11/python.o").write_text("another")
    (facts.stdlib / "json/__pycache__/x.pyc").write_text("another")
    assert host_digest.digest(facts, store) == first


def test_refresh_reads(facts, store, read, later):
    host_digest.digest(facts, store)
    read.clear()
    host_digest.digest(facts, Store(store.cache, refresh=True))
    assert "os.py" in read
