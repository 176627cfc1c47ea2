"""An archive as the interpreter: PATH and URL, safe to unpack, never run."""

import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
from functools import partial

import pytest

from polyfn.toolchain import progress
from polyfn.toolchain.bundle import archive
from polyfn.toolchain.bundle.interpreter import install
from polyfn.toolchain.errors import InterpreterError, UsageError
from tests import parts, standalone


def pack(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def file(name, data=b"x"):
    return tarfile.TarInfo(name), data


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def served(tmp_path):
    """Serves a directory over HTTP on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_runs_from_a_path(arch, tmp_path, finish):
    source = standalone.archive(arch)
    root = tmp_path / "bundle"
    interpreter = install(
        f"{source}#sha256={digest(source)}", arch=arch, python=None, root=root, cache=tmp_path / "cache"
    )
    assert (interpreter.source, interpreter.origin) == ("archive", source.name)
    assert interpreter.version == standalone.version(arch)
    if arch != parts.HOST:
        parts.need("qemu")
    finish(interpreter, root)
    command = parts.in_root(parts.need(f"root-{arch}"), (root, "/var/task"))
    answer = subprocess.run([*command, "/var/task/start"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["prefix"] == "/var/task/python"


def test_url_is_downloaded_once_when_its_checksum_is_told(served, tmp_path):
    folder, base = served
    source = standalone.archive("arm64")
    shutil.copy(source, folder / "python%20build.tar.gz".replace("%20", " "))
    url = f"{base}/python%20build.tar.gz#sha256={digest(source)}"
    interpreter = install(url, arch="arm64", python="3.11", root=tmp_path / "one", cache=tmp_path / "cache")
    assert interpreter.origin == "python build.tar.gz"
    (folder / "python build.tar.gz").unlink()
    install(url, arch="arm64", python="3.11", root=tmp_path / "two", cache=tmp_path / "cache")
    assert (tmp_path / "two/python/bin/python3.11").is_file()


@pytest.mark.parametrize("told", [True, False])
def test_a_download_tells_its_bytes(served, tmp_path, told, monkeypatch):
    class Recorder(progress.Listener):
        def ended(self, step):
            seen.append((step.arch, step.name, step.total, step.done))

    folder, base = served
    path = pack(folder / "a.tar.gz", file("python/x", os.urandom(300_000)))
    size = path.stat().st_size
    if not told:  # HTTP/1.0 says where a body ends by closing the connection
        end = http.server.SimpleHTTPRequestHandler.send_header
        monkeypatch.setattr(
            http.server.SimpleHTTPRequestHandler, "send_header",
            lambda self, name, value: name == "Content-Length" or end(self, name, value),
        )  # fmt: skip
    seen = []
    with progress.listening(Recorder()), progress.step("preparing", "arm64"):
        archive.fetch(f"{base}/a.tar.gz", tmp_path / "cache")
    assert seen == [
        ("arm64", "fetching a.tar.gz", size if told else None, size),
        ("arm64", "unpacking a.tar.gz", None, 0),
        ("arm64", "preparing", None, 0),
    ]


def test_url_without_a_checksum_is_downloaded_once_in_a_build(served, tmp_path):
    folder, base = served
    shutil.copyfile(standalone.archive("arm64"), folder / "build.tar.gz")
    first = archive.fetch(f"{base}/build.tar.gz", tmp_path / "cache")
    (folder / "build.tar.gz").unlink()
    assert archive.fetch(f"{base}/build.tar.gz", tmp_path / "cache") == first


def test_url_that_is_not_there(served, tmp_path):
    _, base = served
    with pytest.raises(InterpreterError, match="could not be downloaded") as caught:
        archive.fetch(f"{base}/absent.tar.gz", tmp_path)
    assert "404" in caught.value.message


def test_path_that_is_not_there(tmp_path):
    with pytest.raises(InterpreterError, match="no interpreter archive at") as caught:
        archive.fetch(str(tmp_path / "absent.tar.gz"), tmp_path)
    assert "managed, host, platform" in caught.value.hint


def test_wrong_checksum(tmp_path):
    path = pack(tmp_path / "a.tar.gz", file("python/x"))
    with pytest.raises(InterpreterError, match=r"a\.tar\.gz has the SHA-256 [0-9a-f]{64}, not 0{64}"):
        archive.fetch(f"{path}#sha256={'0' * 64}", tmp_path / "cache")
    assert not any((tmp_path / "cache" / "archives").iterdir())


@pytest.mark.parametrize("fragment", ["md5=abc", "sha256=abc", "sha256=" + "g" * 64])
def test_what_is_no_checksum(tmp_path, fragment):
    with pytest.raises(InterpreterError, match="is not a checksum"):
        archive.fetch(f"{tmp_path}/a.tar.gz#{fragment}", tmp_path)


HOSTILE = {
    "parent": [file("../evil")],
    "parent inside": [file("python/../../evil")],
    "parent that stays": [file("python/../evil")],
    "absolute link": [link("python/evil", "/etc/passwd")],
    "link out": [link("python/evil", "../../evil")],
    "through a link": [link("python", ".."), file("python/evil")],
    "hard link out": [link("python/evil", "../evil", tarfile.LNKTYPE)],
    "device": [link("python/evil", "", tarfile.CHRTYPE)],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_hostile_archives_leave_nothing(tmp_path, members):
    outside = tmp_path / "outside"
    cache = outside / "cache"
    path = pack(tmp_path / "evil.tar.gz", *members)
    with pytest.raises(
        InterpreterError, match=r"evil\.tar\.gz is not an archive that can be unpacked safely"
    ):
        archive.fetch(str(path), cache)
    assert sorted(outside.rglob("*")) == [cache, cache / "archives"]


def test_links_of_both_kinds_and_modes(tmp_path):
    program, text = tarfile.TarInfo("./python/bin/python3.12"), tarfile.TarInfo("python/lib/x.py")
    program.mode, text.mode = 0o700, 0o600
    path = pack(
        tmp_path / "a.tar.xz",
        link("python/bin/python3", "python3.12"),
        link("python/bin/python", "../bin/python3"),
        (program, b"program"),
        (text, b"text"),
        link("python/lib/y.py", "python/lib/x.py", tarfile.LNKTYPE),
        mode="w:xz",
    )
    tree = archive.fetch(str(path), tmp_path / "cache")
    assert (tree / "python/bin/python").read_bytes() == b"program"
    assert (tree / "python/lib/y.py").read_bytes() == b"text"
    assert (tree / "python/bin/python3.12").stat().st_mode & 0o777 == 0o755
    assert (tree / "python/lib/x.py").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("data", [b"", b"not an archive", b"\x1f\x8b\x08\x00damaged", b"BZh9damaged"])
def test_damaged_archives(tmp_path, data):
    path = tmp_path / "bad.tar.gz"
    path.write_bytes(data)
    with pytest.raises(InterpreterError, match=r"bad\.tar\.gz is not an archive"):
        archive.fetch(str(path), tmp_path / "cache")


@pytest.mark.skipif(hasattr(tarfile.TarFile, "zstopen"), reason="this Python reads zstd")
def test_zstd_says_what_to_take_instead(tmp_path):
    path = tmp_path / "a.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd rest")
    with pytest.raises(InterpreterError, match="zstd") as caught:
        archive.fetch(str(path), tmp_path / "cache")
    assert ".tar.gz" in caught.value.hint


def fake_tree(folder, *, machine=b"\xb7\x00", version=b"3.12.4", top="python"):
    """A tree with just so much of an ELF header and a version that it is taken for an interpreter."""
    prefix = folder / top if top else folder
    (prefix / "lib/python3.12").mkdir(parents=True)
    (prefix / "bin").mkdir()
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + machine + b"\x01\x00\x00\x00"
    header += bytes(24) + b"\x00\x00\x00\x00" + b"\x40\x00\x38\x00\x00\x00\x40\x00\x00\x00\x00\x00"
    (prefix / "bin/python3.12").write_bytes(header + b"\x00" + version + b"\x00")
    return folder


@pytest.mark.parametrize("top", ["python", "anything", "python/install", ""])
def test_layouts(tmp_path, top):
    tree = archive.find(fake_tree(tmp_path, top=top), "arm64", None, "a.tar.gz")
    assert (tree.python, tree.version, tree.prefix) == ("3.12", "3.12.4", tmp_path / top)


def test_wrong_architecture(tmp_path):
    with pytest.raises(InterpreterError, match=r"in a\.tar\.gz is for arm64; the target is amd64"):
        archive.find(fake_tree(tmp_path), "amd64", None, "a.tar.gz")


def test_wrong_version(tmp_path):
    with pytest.raises(InterpreterError, match=r"has Python 3\.12\.4 in it, not 3\.13") as caught:
        archive.find(fake_tree(tmp_path), "arm64", "3.13", "a.tar.gz")
    assert "--python 3.12" in caught.value.hint
    assert archive.find(tmp_path, "arm64", "3.12", "a.tar.gz").python == "3.12"
    assert archive.find(tmp_path, "arm64", "3.12.4", "a.tar.gz").python == "3.12"


def test_a_version_that_cannot_be_read(tmp_path):
    with pytest.raises(InterpreterError, match="does not say which release"):
        archive.find(fake_tree(tmp_path, version=b"3.1"), "arm64", None, "a.tar.gz")


def test_not_an_interpreter(tmp_path):
    (tmp_path / "bin").mkdir()
    with pytest.raises(InterpreterError, match=r"has no bin/python3\.x in it"):
        archive.find(tmp_path, "arm64", None, "a.tar.gz")


def test_not_for_linux(tmp_path):
    fake_tree(tmp_path)
    (tmp_path / "python/bin/python3.12").write_bytes(b"\xcf\xfa\xed\xfe\x003.12.4\x00")
    with pytest.raises(InterpreterError, match="not a Linux program"):
        archive.find(tmp_path, "arm64", None, "a.tar.gz")


def test_a_cache_that_cannot_be_made_is_a_usage_error(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "x.tar.gz").touch()
    with pytest.raises(UsageError, match=r"the cache .* cannot be made") as caught:
        archive.fetch(str(tmp_path / "x.tar.gz"), tmp_path / "file" / "cache")
    assert "POLYFN_CACHE" in caught.value.hint
