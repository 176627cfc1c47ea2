"""Layers: the same bytes from the same files, which other readers take for what they are."""

import gzip
import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyfn.toolchain.artifacts.oci import layers
from polyfn.toolchain.artifacts.oci.layers import LayerSpec, write_layer
from polyfn.toolchain.artifacts.unpacking import gunzipped
from polyfn.toolchain.errors import ArtifactError
from tests import parts
from tests.artifacts.oci.conftest import BUNDLE, EPOCH, grow


def write(spec, folder, **more):
    folder.mkdir(parents=True, exist_ok=True)
    return write_layer(spec, folder, epoch=EPOCH, **more)


def blob(layer, folder):
    return (folder / layer.digest.removeprefix("sha256:")).read_bytes()


def test_what_is_told_is_true(tree, tmp_path):
    layer = write(LayerSpec("all", tree, prefix="srv"), tmp_path / "blobs")
    data = blob(layer, tmp_path / "blobs")
    plain = gzip.decompress(data)
    assert layer.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert layer.diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    assert layer.size == len(data)
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        files = [member for member in tar if not member.isdir()]
        assert (layer.files, layer.unpacked_size) == (len(files), sum(one.size for one in files))
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == [layer.digest[7:]]


def test_entries(tree, tmp_path):
    layer = write(LayerSpec("all", tree, prefix="/srv/", folders=(("tmp", 0o1777),)), tmp_path / "blobs")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(layer, tmp_path / "blobs")))) as tar:
        members = {member.name: member for member in tar}
    names = list(members)
    assert names == sorted(names, key=os.fsencode)
    for name in names:
        parent = name.rpartition("/")[0]
        assert not parent or members[parent].isdir()
    assert {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in members.values()} == {
        (0, 0, "", "", EPOCH)
    }
    modes = {name: stat.filemode(one.mode)[1:] for name, one in members.items()}
    assert modes["srv/start"] == modes["srv"] == modes["srv/app"] == "rwxr-xr-x"
    assert modes["srv/app/hello.py"] == "rw-r--r--"
    assert modes["tmp"] == "rwxrwxrwt"
    assert members["srv/python/bin/python3"].linkname == "python3.13"
    assert max(map(len, names)) > 200


def test_gnu_tar_reads_it(tree, tmp_path):
    layer = write(LayerSpec("all", tree), tmp_path / "blobs")
    (tmp_path / "out").mkdir()
    archive = tmp_path / "blobs" / layer.digest[7:]
    subprocess.run([parts.need("tar"), "-xzf", archive, "-C", tmp_path / "out"], check=True)
    for name, content in BUNDLE.items():
        place = tmp_path / "out" / name.rstrip("*")
        if place.is_symlink():
            assert f"-> {place.readlink()}" == content
        else:
            assert place.read_bytes() == (content if isinstance(content, bytes) else content.encode())


def test_paths_choose(tree, tmp_path):
    layer = write(LayerSpec("some", tree, ("app/hello.py", "site")), tmp_path / "blobs")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(layer, tmp_path / "blobs")))) as tar:
        files = [member.name for member in tar if member.isreg()]
    assert files == ["app/hello.py", "site/pkg/__init__.py", "site/pkg/data.bin"]


def test_a_layer_of_nothing_is_none(tmp_path):
    (tmp_path / "empty/folder").mkdir(parents=True)
    assert write(LayerSpec("none", tmp_path / "empty"), tmp_path / "blobs") is None


def test_the_bytes_stay_the_same_from_release_to_release(tmp_path):
    """It was computed once. Another one would mean that everybody pushes everything again."""
    root = grow(tmp_path / "t", {"a/b*": "x" * 70_000, "a/ü": "y", "c": "-> a/b"})
    layer = write(LayerSpec("all", root, prefix="srv"), tmp_path / "blobs")
    assert layer.diff_id == "sha256:9117067da8490cf509fda37ec1b4f5f7b5defff9756765b1ebba18a40d3c856a"


_MAKE = """
import os, sys, time
from pathlib import Path
from polyfn.toolchain.artifacts.oci.layers import LayerSpec, write_layer
os.umask(int(sys.argv[3], 8))
time.tzset()
out = Path(sys.argv[2]); out.mkdir()
print(write_layer(LayerSpec("all", Path(sys.argv[1])), out, epoch=1700000000).digest)
"""


def test_the_same_bytes_whoever_makes_them(tree, tmp_path):
    """Another directory, other times and modes, another umask, time zone and language."""
    other = tmp_path / "elsewhere/deep"
    shutil.copytree(tree, other, symlinks=True, copy_function=shutil.copyfile)
    for path in other.rglob("*"):
        if not path.is_symlink():
            executable = (tree / path.relative_to(other)).stat().st_mode & 0o100
            path.chmod((0o700 if executable else 0o600) if path.is_file() else 0o700)
            os.utime(path, (1, 1))
    digests = {
        subprocess.run(
            [sys.executable, "-c", _MAKE, root, tmp_path / name, umask],
            check=True, capture_output=True, text=True, env={**os.environ, "TZ": zone, "LC_ALL": language},
        ).stdout
        for root, name, umask, zone, language in (
            (tree, "one", "022", "UTC", "C"), (other, "two", "077", "Asia/Tokyo", "C.UTF-8"),
        )
    }  # fmt: skip
    assert len(digests) == 1


def test_kept_pieces_give_the_same_bytes(tree, tmp_path):
    spec = LayerSpec("all", tree)
    first = write(spec, tmp_path / "one")
    again = [write(spec, tmp_path / name, kept=tmp_path / "kept") for name in ("two", "three")]
    assert again == [first, first]
    kept = list((tmp_path / "kept").iterdir())
    assert len(kept) >= 2
    # It is taken from there: what was changed there comes out.
    for path in kept:
        path.write_bytes(b"\x03\x00")
    assert write(spec, tmp_path / "four", kept=tmp_path / "kept").digest != first.digest


def test_no_more_than_a_few_pieces_are_in_memory(tmp_path):
    """200 MB are packed by a process that may have 90 MB more than it has before."""
    (tmp_path / "t").mkdir()
    with (tmp_path / "t/big").open("wb") as file:
        file.truncate(200 << 20)
    code = _MAKE.replace(
        "out = Path",
        "import resource; used = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (250 << 20),) * 2)\nout = Path",
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "t", tmp_path / "o", "022"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"a": "-> /etc/passwd"}, "a is a symbolic link to /etc/passwd"),
        ({"a/b": "-> ../../x"}, "outside of what is packaged"),
        ({"a/.wh.b": "x"}, "cannot be in an image"),
        ({"a/.wh..wh..opq": "x"}, "cannot be in an image"),
        ({".wh.a/b": "x"}, "cannot be in an image"),
    ],
)
def test_refused(tmp_path, files, what):
    with pytest.raises(ArtifactError, match=what) as caught:
        write(LayerSpec("bad", grow(tmp_path / "t", files), prefix="srv"), tmp_path / "blobs")
    assert caught.value.hint
    assert list((tmp_path / "blobs").iterdir()) == []


def test_a_pipe_is_refused(tmp_path):
    (tmp_path / "t").mkdir()
    os.mkfifo(tmp_path / "t/pipe")
    with pytest.raises(ArtifactError, match="pipe is neither a file nor"):
        write(LayerSpec("bad", tmp_path / "t"), tmp_path / "blobs")


NAME = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0*"), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200 and not name.startswith(".wh.")
)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.lists(NAME, min_size=1, max_size=4).map("/".join), st.tuples(st.binary(max_size=99), st.booleans())
    )
)
def test_any_tree_comes_back(tmp_path_factory, files):
    base = tmp_path_factory.mktemp("any")
    kept = {}
    for name, (data, executable) in files.items():
        place = base / "tree" / name
        if place.exists() or any(
            other.startswith(name + "/") or name.startswith(other + "/") for other in kept
        ):
            continue
        grow(base / "tree", {name + ("*" if executable and not name.endswith("*") else ""): data})
        place.chmod(0o755 if executable else 0o644)
        kept[name] = (data, executable)
    (base / "tree").mkdir(exist_ok=True)
    layer = write(LayerSpec("all", base / "tree", prefix="p"), base / "blobs")
    if not kept:
        assert layer is None
        return
    back = {}
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(layer, base / "blobs")))) as tar:
        for member in tar:
            if member.isreg():
                name = member.name.removeprefix("p/")
                back[name] = (tar.extractfile(member).read(), bool(member.mode & 0o100))
    assert back == kept


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=3000), max_size=4), st.binary(max_size=3).map(lambda data: bytes(len(data)))
)
def test_gunzipped_is_what_gzip_says(members, padding):
    data = b"".join(gzip.compress(one) for one in members) + padding
    if members:
        assert b"".join(gunzipped(io.BytesIO(data))) == b"".join(members)
        for cut in (1, 9, len(data) - len(padding) - 1):
            with pytest.raises(tarfile.ReadError):
                list(gunzipped(io.BytesIO(data[:cut])))


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=40_000), st.integers(1, 2000))
def test_pieces_join(tmp_path_factory, data, piece):
    root = grow(tmp_path_factory.mktemp("joined") / "t", {"big": data, "small": b"x"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_PIECE", piece)
        patch.setattr(layers, "_SHARED", piece)
        patch.setattr(layers, "BIG", 100)
        layer = write(LayerSpec("all", root), root.parent / "blobs")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(layer, root.parent / "blobs")))) as tar:
        assert tar.extractfile("big").read() == data
