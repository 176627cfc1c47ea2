"""Zip files: the same bytes from the same tree, and nothing unpacked outside of the target."""

import hashlib
import os
import shutil
import stat
import subprocess
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyfn.toolchain.artifacts.zip import unpack, write_zip
from polyfn.toolchain.errors import ArtifactError
from tests import parts

EPOCH = 1_700_000_000


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "python/bin").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "bootstrap").write_text("#!/bin/sh\n")
    (root / "bootstrap").chmod(0o700)
    (root / "python/bin/python3").symlink_to("python3.11")
    (root / "python/bin/python3.11").write_bytes(b"\x7fELF" + bytes(5000))
    (root / "python/bin/python3.11").chmod(0o775)
    (root / "python/here").symlink_to("bin")
    (root / "app.py").write_text("print('hällo')\n", "utf-8")
    (root / "app.py").chmod(0o600)
    (root / "ünï.txt").write_text("x")
    return root


def test_facts_of_what_was_written(tree, tmp_path):
    out = tmp_path / "out/a.zip"
    told = write_zip(tree, out, epoch=EPOCH)
    assert told.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert told.size == out.stat().st_size
    assert told.files == 6
    with zipfile.ZipFile(out) as archive:
        assert told.unpacked_size == sum(entry.file_size for entry in archive.infolist())
        assert archive.testzip() is None
    assert [path.name for path in out.parent.iterdir()] == ["a.zip"]


def test_entries(tree, tmp_path):
    write_zip(tree, tmp_path / "a.zip", epoch=EPOCH)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
    names = ["app.py", "bootstrap", "python/bin/python3", "python/bin/python3.11", "python/here", "ünï.txt"]
    assert list(entries) == names
    assert {entry.create_system for entry in entries.values()} == {3}
    assert {entry.date_time for entry in entries.values()} == {(2023, 11, 14, 22, 13, 20)}
    modes = {name: stat.filemode(entry.external_attr >> 16) for name, entry in entries.items()}
    assert modes == {
        "app.py": "-rw-r--r--", "bootstrap": "-rwxr-xr-x", "python/bin/python3": "lrwxrwxrwx",
        "python/bin/python3.11": "-rwxr-xr-x", "python/here": "lrwxrwxrwx", "ünï.txt": "-rw-r--r--",
    }  # fmt: skip


def test_same_bytes_whoever_made_the_tree_and_when(tree, tmp_path):
    first = write_zip(tree, tmp_path / "a.zip", epoch=EPOCH)
    other = tmp_path / "other"
    for name in ("ünï.txt", "python", "bootstrap", "app.py"):
        other.mkdir(exist_ok=True)
        if (tree / name).is_dir():
            shutil.copytree(tree / name, other / name, symlinks=True)
        else:
            shutil.copyfile(tree / name, other / name)
            (other / name).chmod(0o755 if name == "bootstrap" else 0o664)
            os.utime(other / name, (1, 1))
    assert write_zip(other, tmp_path / "b.zip", epoch=EPOCH) == first
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_another_epoch_gives_other_bytes(tree, tmp_path):
    first = write_zip(tree, tmp_path / "a.zip", epoch=EPOCH)
    assert write_zip(tree, tmp_path / "b.zip", epoch=EPOCH + 60).sha256 != first.sha256


@pytest.mark.parametrize(("epoch", "year"), [(0, 1980), (-5, 1980), (2**40, 2107)])
def test_times_that_the_format_cannot_hold(tree, tmp_path, epoch, year):
    write_zip(tree, tmp_path / "a.zip", epoch=epoch)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {year}


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "python/../../outside", ".."])
def test_links_that_leave_the_tree_are_refused(tree, tmp_path, target):
    (tree / "link").symlink_to(target)
    with pytest.raises(ArtifactError, match="link is a symbolic link to"):
        write_zip(tree, tmp_path / "a.zip", epoch=EPOCH)
    assert not list(tmp_path.glob("a.zip*"))


def test_what_is_no_file_is_refused(tree, tmp_path):
    os.mkfifo(tree / "pipe")
    with pytest.raises(ArtifactError, match="pipe is neither a file nor"):
        write_zip(tree, tmp_path / "a.zip", epoch=EPOCH)


def test_unpack_gives_the_tree_back(tree, tmp_path):
    write_zip(tree, tmp_path / "a.zip", epoch=EPOCH)
    target = tmp_path / "target"
    unpack(tmp_path / "a.zip", target)
    assert stat.S_IMODE((target / "bootstrap").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "app.py").stat().st_mode) == 0o644
    assert (target / "python/bin/python3").readlink().name == "python3.11"
    assert (target / "python/here/python3").read_bytes() == b"\x7fELF" + bytes(5000)
    assert (
        write_zip(target, tmp_path / "b.zip", epoch=EPOCH).sha256
        == hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest()
    )


def test_other_tools_read_it(tree, tmp_path):
    write_zip(tree, tmp_path / "a.zip", epoch=EPOCH)
    command = [parts.need("busybox"), "unzip", "-q", tmp_path / "a.zip", "-d", tmp_path / "t"]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "t/bootstrap").read_text() == "#!/bin/sh\n"


def make(path, *entries):
    """A zip of (name, content, mode) as an attacker would write it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


FILE, LINK = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777
HOSTILE = {
    "parent": [("../evil", "x", FILE)],
    "deep parent": [("a/../../evil", "x", FILE)],
    "absolute": [("/tmp/polyfn-evil", "x", FILE)],
    "backslash": [("..\\evil", "x", FILE)],
    "absolute link": [("evil", "/etc/passwd", LINK)],
    "link out": [("a/evil", "../../x", LINK)],
    "file through a link": [("a", "..", LINK), ("a/evil", "x", FILE)],
    "file through an inner link": [("a", ".", LINK), ("a/evil", "x", FILE)],
    "link through a link": [("a/b/c", "../..", LINK), ("evil", "a/b/c/../../..", LINK)],
    "link under a link": [("a/b", "../c", LINK), ("a/b/evil", "../..", LINK)],
    "link to nothing": [("evil", "", LINK)],
}


@pytest.mark.parametrize("entries", HOSTILE.values(), ids=HOSTILE)
def test_hostile_zips_write_nothing_outside(tmp_path, entries):
    outside = tmp_path / "outside"
    with pytest.raises(ArtifactError, match=r"evil\.zip has"):
        unpack(make(tmp_path / "evil.zip", *entries), outside / "target")
    assert not outside.exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="not safe to unpack"):
        unpack(make(tmp_path / "a.zip", ("a", "1", FILE), ("a", "2", FILE)), tmp_path / "t")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no", b"text"])
def test_what_is_no_zip(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"a\.zip cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "t")


def test_no_such_file(tmp_path):
    with pytest.raises(ArtifactError, match="cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "t")


def test_a_zip_from_elsewhere_has_no_modes(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("dir/x")
        info.create_system = 0
        archive.writestr(info, "x")
        archive.mkdir("empty")
    unpack(tmp_path / "a.zip", tmp_path / "t")
    assert stat.S_IMODE((tmp_path / "t/dir/x").stat().st_mode) == 0o644
    assert (tmp_path / "t/empty").is_dir()


NAME = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.lists(NAME, min_size=1, max_size=3).map("/".join), st.tuples(st.binary(max_size=99), st.booleans())
    )
)
def test_any_tree_comes_back(tmp_path_factory, files):
    base = tmp_path_factory.mktemp("any")
    (base / "tree").mkdir()
    kept = {}
    for name, (data, executable) in files.items():
        path = base / "tree" / name
        if path.exists() or any(
            other.startswith(name + "/") or name.startswith(other + "/") for other in kept
        ):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755 if executable else 0o644)
        kept[name] = (data, executable)
    told = write_zip(base / "tree", base / "a.zip", epoch=EPOCH)
    unpack(base / "a.zip", base / "back")
    back = {
        path.relative_to(base / "back").as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in (base / "back").rglob("*")
        if path.is_file()
    }
    assert back == kept
    assert (told.files, told.unpacked_size) == (len(kept), sum(len(data) for data, _ in kept.values()))
