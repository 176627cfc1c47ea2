"""What a bundle's interpreter is made of."""

import json
import re

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
        "lib/python3.13/profiling/sampling", "lib/python3.13/build-details..x86_64-linux-gnu.json",
    ],
)  # fmt: skip
def test_left_out(path):
    assert prune.pruned(path, prune.INTERPRETER, "3.13")


@pytest.mark.parametrize(
    "path",
    [
        "lib/python3.13/os.py", "lib/python3.13/unittest", "lib/python3.13/doctest.py",
        "lib/python3.13/threading.py", "lib/python3.13/profiling/tracing",
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


@pytest.fixture
def tree(tmp_path):
    sizes = {
        "lib/python3.13/os.py": 10, "lib/python3.13/sqlite3/__init__.py": 20,
        "lib/python3.13/sqlite3/dump.py": 30,
        "lib/python3.13/lib-dynload/_sqlite3.cpython-313-x86_64-linux-gnu.so": 40,
        "lib/python3.13/tkinter/__init__.py": 50, "lib/tcl8.6/init.tcl": 60, "lib/python3.13/turtle.py": 70,
        "lib/python3.13/venv/__init__.py": 80, "include/python3.13/Python.h": 90,
        "lib/python3.13/ctypes/macholib/dyld.py": 5, "lib/python3.13/ctypes/__init__.py": 1,
    }  # fmt: skip
    for name, size in sizes.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(bytes(size))
    return tmp_path / "tree"


def told(left):
    return {one.path.removeprefix("lib/python3.13/"): (one.size, one.keep) for one in left}


def test_plan_tells_what_would_go(tree):
    before = sorted(tree.rglob("*"))
    left = prune.plan(tree, "3.13")
    assert told(left) == {
        "include": (90, None), "venv": (80, "venv"), "turtle.py": (70, "tkinter"),
        "lib/tcl8.6": (60, "tkinter"),
        "tkinter": (50, "tkinter"), "ctypes/macholib": (5, "ctypes.macholib"),
    }  # fmt: skip
    assert [one.size for one in left] == sorted((one.size for one in left), reverse=True)
    assert sorted(tree.rglob("*")) == before


def test_keep_keeps_all_that_belongs_together(tree):
    assert told(prune.plan(tree, "3.13", keep=["tkinter", "ctypes.macholib"])) == {
        "include": (90, None), "venv": (80, "venv"),
    }  # fmt: skip


def test_prune_takes_a_module_with_its_c_half(tree):
    left = told(prune.plan(tree, "3.13", prune=["sqlite3"]))
    assert left["sqlite3"] == (50, "sqlite3")
    assert left["lib-dynload/_sqlite3.cpython-313-x86_64-linux-gnu.so"] == (40, "sqlite3")


def test_keep_wins_over_prune(tree):
    assert "sqlite3" not in told(prune.plan(tree, "3.13", keep=["sqlite3"], prune=["sqlite3"]))


def test_prune_takes_patterns(tree):
    assert "os.py" in told(prune.plan(tree, "3.13", prune=["LIB/o*.py"]))


def test_copy_does_what_the_plan_says_and_the_note_names_it(tree, tmp_path):
    rules = prune.rules(prune=["sqlite3"])
    target = tmp_path / "target"
    left = prune.copy(tree, target, "3.13", rules)
    assert set(left) == {one.path for one in prune.plan(tree, "3.13", prune=["sqlite3"])}
    assert not [path for path in left if (target / path).exists()]
    prune.note(target, "3.13", left, rules)
    assert json.loads((target / "pruned.json").read_text()) == {
        "_sqlite3": "sqlite3", "ctypes.macholib": "ctypes.macholib", "sqlite3": "sqlite3",
        "tkinter": "tkinter", "turtle": "tkinter", "venv": "venv",
    }  # fmt: skip


def test_every_group_has_the_name_of_a_module():
    assert all(re.fullmatch(r"\w+(\.\w+)*", name) for name in (*prune.GROUPS, *prune.TOGETHER))
