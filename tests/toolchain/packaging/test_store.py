"""The store: entries that are whole or absent, checked when taken, and made once."""

import json
import os
import subprocess
import sys
import time

import pytest

from polyfn.toolchain.bundle.store import Store


@pytest.fixture
def store(tmp_path, log):
    return Store(tmp_path / "cache", log)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "data.bin").write_bytes(b"\0\xff")
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o700)
    (root / "link").symlink_to("deep/data.bin")
    return root


def seen(root):
    return {
        path.relative_to(root).as_posix(): os.readlink(path)
        if path.is_symlink()
        else (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_what_was_put_is_taken(store, tree, tmp_path):
    store.put("things", "k", tree, {"note": 1})
    assert store.take("things", "k", tmp_path / "out") == {"note": 1}
    assert seen(tmp_path / "out") == {
        "deep/data.bin": (b"\0\xff", 0o644), "run": (b"#!/bin/sh\n", 0o755), "link": "deep/data.bin",
    }  # fmt: skip
    assert store.take("things", "other", tmp_path / "nothing") is None
    assert not (tmp_path / "nothing").exists()
    assert (
        (tmp_path / "cache" / "CACHEDIR.TAG")
        .read_bytes()
        .startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    )


def test_what_is_taken_is_a_copy_and_what_is_kept_is_read_only(store, tree, tmp_path):
    store.put("things", "k", tree, {})
    store.take("things", "k", tmp_path / "out")
    (tmp_path / "out" / "run").write_text("changed")
    kept = store.place("things", "k") / "tree" / "run"
    assert kept.read_text() == "#!/bin/sh\n"
    assert not kept.stat().st_mode & 0o222
    assert kept.stat().st_nlink == 1


def spoil_content(place):
    file = place / "tree" / "run"
    file.chmod(0o644)
    file.write_text("evil")


def spoil_absence(place):
    (place / "tree" / "run").unlink()


def spoil_entry(place):
    entry = json.loads((place / "entry.json").read_text())
    entry["notes"] = {"note": 2}
    (place / "entry.json").write_text(json.dumps(entry))


def spoil_half(place):
    text = (place / "entry.json").read_text()
    (place / "entry.json").write_text(text[: len(text) // 2])


@pytest.mark.parametrize("spoil", [spoil_content, spoil_absence, spoil_entry, spoil_half])
def test_a_damaged_entry_is_made_anew(store, tree, tmp_path, log, spoil):
    store.put("things", "k", tree, {"note": 1})
    spoil(store.place("things", "k"))
    out = tmp_path / "out"

    def make():
        assert not out.exists(), "nothing of the damaged entry is left"
        tree.rename(out)
        return {"note": 3}

    assert store.once("things", "k", out, make) == {"note": 3}
    assert len([line for line in log if "damaged entry of the cache" in line]) == 1
    assert store.take("things", "k", tmp_path / "again") == {"note": 3}


def test_refresh_makes_anew_what_is_there(store, tree, tmp_path):
    store.put("things", "k", tree, {"note": 1})
    fresh = Store(store.cache, refresh=True)
    assert fresh.take("things", "k", tmp_path / "out") is None
    fresh.put("things", "k", tree, {"note": 2})
    assert store.notes("things", "k") == {"note": 2}


def test_no_key_keeps_nothing(store, tree, tmp_path):
    assert store.once("things", None, tmp_path / "out", lambda: {"made": True}) == {"made": True}
    assert store.entries() == []


def test_a_cache_that_cannot_be_written_is_told(tmp_path, tree, log):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "cache", log)
    assert store.once("things", "k", tmp_path / "out", lambda: {"made": True}) == {"made": True}
    assert len(log) == 1
    assert "nothing is kept in the cache" in log[0]


def test_prune_takes_what_is_old(store, tree):
    store.put("things", "old", tree, {})
    store.put("things", "new", tree, {})
    os.utime(store.place("things", "old") / "entry.json", (0, 0))
    left = store.root / "tmp" / "killed"
    left.mkdir()
    (left / "x").write_text("12345")
    os.utime(left, (0, 0))
    assert store.prune() > 5
    assert [place.name for place in store.entries()] == ["new"]
    assert not left.exists()


RACER = """
import sys, time
from pathlib import Path
from polyfn.toolchain.bundle.store import Store
cache, out, made = map(Path, sys.argv[1:])
def make():
    with made.open("a") as file: file.write("made\\n")
    out.mkdir()
    for number in range(200):
        (out / f"{number}.txt").write_text(str(number) * 1000)
    time.sleep(0.2)
    return {}
while not (cache / "go").exists(): time.sleep(0.01)
Store(cache, print).once("things", "k", out, make)
assert [(out / f"{number}.txt").read_text() for number in range(200)] == [str(n) * 1000 for n in range(200)]
"""


def test_of_processes_that_want_the_same_one_makes_it(tmp_path):
    (tmp_path / "cache").mkdir()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, tmp_path / "cache", tmp_path / f"out{number}", tmp_path / "made"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    time.sleep(0.3)
    (tmp_path / "cache" / "go").touch()
    for racer in racers:
        said, _ = racer.communicate(timeout=60)
        assert (racer.returncode, said) == (0, "")
    assert (tmp_path / "made").read_text() == "made\n"
