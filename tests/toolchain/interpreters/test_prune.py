"""What a bundle's interpreter is made of."""

import pytest

from polyfn.toolchain.bundle import prune


@pytest.mark.parametrize(
    "path",
    [
        "lib/python3.13/test", "lib/python3.13/unittest/test", "lib/python3.13/idlelib",
        "lib/python3.13/tkinter", "lib/python3.13/ensurepip", "lib/python3.13/config-3.13-x86_64-linux-gnu",
        "lib/python3.13/site-packages", "lib/python3.13/json/__pycache__", "lib/libpython3.13.a", "include",
        "share", "lib/tcl8.6", "lib/pkgconfig", "lib/python3.13/pydoc_data", "lib/python3.13/lib2to3",
        "lib/python3.13/lib-dynload/_testcapi.cpython-313-x86_64-linux-gnu.so", "bin",
    ],
)  # fmt: skip
def test_left_out(path):
    assert prune.pruned(path, prune.INTERPRETER, "3.13")


@pytest.mark.parametrize(
    "path",
    [
        "lib/python3.13/os.py", "lib/python3.13/unittest", "lib/python3.13/doctest.py",
        "lib/python3.13/threading.py",
        "lib/python3.13/lib-dynload", "lib/python3.13/lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so",
        "lib/python3.13/asyncio/tasks.py", "lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py",
        "lib/libssl.so.3", "lib/python3.13/LICENSE.txt", "lib/python3.13/timeit.py", "lib",
    ],
)  # fmt: skip
def test_kept(path):
    assert not prune.pruned(path, prune.INTERPRETER, "3.13")


def test_copy_stands_alone(tmp_path):
    source = tmp_path / "source"
    (source / "lib/python3.13/test").mkdir(parents=True)
    (source / "lib/python3.13/os.py").write_text("os")
    (source / "lib/python3.13/test/big.py").write_text("test")
    (source / "lib/libz.so.1.2").write_text("library")
    (source / "lib/libz.so.1").symlink_to("libz.so.1.2")
    (source / "lib/dangling").symlink_to("nowhere")
    (source / "lib/loop").symlink_to(".")
    (source / "lib/libz.so.1.2").chmod(0o700)
    prune.copy(source, tmp_path / "target", "3.13")
    files = {
        p.relative_to(tmp_path / "target").as_posix(): p
        for p in (tmp_path / "target").rglob("*")
        if p.is_file()
    }
    assert set(files) == {"lib/python3.13/os.py", "lib/libz.so.1", "lib/libz.so.1.2"}
    assert not any(path.is_symlink() for path in files.values())
    assert files["lib/libz.so.1"].stat().st_mode & 0o777 == 0o755
    assert files["lib/python3.13/os.py"].stat().st_mode & 0o777 == 0o644


def test_patterns_are_the_callers(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.txt").touch()
    (tmp_path / "source/b.pyc").touch()
    prune.copy(tmp_path / "source", tmp_path / "target", "3.13", ["*.txt"])
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["b.pyc"]
