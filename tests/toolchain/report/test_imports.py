"""Import times: what Python writes, and what is measured in a real bundle."""

import subprocess
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.artifacts.zip import unpack
from polyfn.toolchain.report import importtime
from polyfn.toolchain.report.examine import examine
from polyfn.toolchain.report.imports import CannotMeasureError, _probe
from polyfn.toolchain.report.importtime import Timed, parse
from tests import parts

pytestmark = pytest.mark.timeout(300)

NAMES = st.text(st.sampled_from("abc._"), min_size=1, max_size=8).filter(lambda name: name.strip("."))
TREES = st.recursive(
    st.builds(lambda name, own: (name, own, []), NAMES, st.integers(0, 10**6)),
    lambda below: st.tuples(NAMES, st.integers(0, 10**6), st.lists(below, max_size=3)),
    max_leaves=20,
)


def written(trees, depth=0):
    """The lines that -X importtime writes, and the trees that they mean."""
    lines, nodes = [], []
    for name, own, below in trees:
        inner_lines, inner = written(below, depth + 1)
        cumulative = own + sum(node.cumulative for node in inner)
        line = f"import time: {own:9d} | {cumulative:10d} | {'  ' * depth}{name}"
        lines += [*inner_lines, line]
        nodes.append(Timed(name, own, cumulative, depth, inner))
    return lines, nodes


@given(st.lists(TREES, max_size=4))
def test_lines_become_the_tree_again(trees):
    lines, nodes = written(trees)
    assert parse(["import time: self [us] | cumulative | imported package", "a log line", *lines]) == nodes
    assert sum(cost.self_time for cost in importtime.top(nodes, {})) <= importtime.total(nodes)


def test_what_this_python_writes():
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", "-c", "import json"], capture_output=True, text=True
    )
    by_name = {one.module: one for root in parse(done.stderr.splitlines()) for one in root.walk()}
    assert "json.decoder" in {one.module for one in by_name["json"].walk()}
    assert by_name["json"].cumulative >= by_name["json"].own + by_name["json.decoder"].cumulative


def test_packages_are_summed_up_once():
    lines, nodes = written([("a", 5, [("a.b", 3, [("c", 7, [("a.d", 1, [])])]), ("c.e", 2, [])])])
    top = importtime.top(nodes, {"a": "app"})
    assert [(c.package, c.origin, c.self_time, c.cumulative, c.modules) for c in top] == [
        ("a", "app", 9, 18, 3),
        ("c", "unknown", 9, 10, 2),
    ]
    assert lines[-1].endswith("| a")


def test_a_tree_is_trimmed_and_sorted():
    _, nodes = written([("a", 1, [("small", 1, []), ("big", 9, [("tiny", 0, [])])])])
    [tree] = importtime.trimmed(nodes, 2)
    assert [one.module for one in tree.imports] == ["big"]
    assert tree.imports[0].imports == ()


def test_the_imports_of_a_real_artifact(report):
    [imports] = report.imports
    assert (imports.module, imports.runs, imports.emulated) == ("hello", 3, False)
    assert imports.total == imports.runtime + imports.functions
    assert 0 < imports.runtime < imports.functions
    origins = {cost.package: cost.origin for cost in imports.top}
    assert origins["pydantic"] == "pydantic"
    assert len(imports.top) == 10
    roots = {one.module: one for one in imports.tree}
    assert "pydantic" in {one.module for one in roots["hello"].imports}
    assert report.not_measured is None


def test_another_architecture_is_measured_under_an_emulator(made, monkeypatch):
    if parts.HOST != "amd64":
        parts.missing("the emulated architecture here is arm64, on amd64")
    parts.need("qemu")
    # Where the emulator looks for the loader and libc: the interpreter leaves them to its platform.
    monkeypatch.setenv("QEMU_LD_PREFIX", str(parts.need("root-arm64")))
    report = examine(made("arm64"), imports=True)
    assert report.not_measured is None
    assert report.slowest.emulated
    assert {cost.origin for cost in report.slowest.top} >= {"pydantic", "app"}


def changed(hello, path, **changes):
    with zipfile.ZipFile(hello) as source, zipfile.ZipFile(path, "w") as sink:
        for info in source.infolist():
            name = info.filename.replace("/", "_").replace(".", "_")
            content = changes.get(name, source.read(info))
            if content is not None and info.filename != "app/__pycache__/hello.cpython-311.pyc":
                info.compress_type = zipfile.ZIP_STORED
                sink.writestr(info, content)
    return path


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"app_hello_py": b"raise SystemExit('no table')\n"}, "importing hello failed: no table"),
        ({"app_hello_py": b"import nowhere\n"}, "importing hello failed: ModuleNotFoundError: No module"),
        ({"start_py": None}, "it has no start.py"),
        ({"modules_pack": None}, "its runtime cannot be imported: FileNotFoundError"),
        ({"start": b"#!/bin/sh\n"}, "it has no start script that runs start.py"),
        ({"python_bin_python3_11": b"#!/bin/sh\necho no >&2\n"}, "it does not start on this machine: no"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_says_why(hello, tmp_path, changes, reason):
    report = examine(changed(hello, tmp_path / "changed.zip", **changes), imports=True)
    assert report.imports == ()
    assert reason in report.not_measured


def test_a_bundle_without_bytecode(hello, tmp_path):
    tree = tmp_path / "tree"
    unpack(hello, tree)
    (tree / "start.pyc").unlink()
    (tree / "start.py").write_text(
        "import posix, sys\n"
        "root = __file__.rpartition('/')[0]\n"
        "sys.path[:0] = [root + '/runtime', root + '/app']\n"
        "sys.path.append(root + '/site')\n"
        "from polyfn_aws.runtime.start import main\n"
        "main({'root': root})\n"
    )
    before = sorted(tree.rglob("*"))
    assert examine(tree, imports=True).slowest.module == "hello"
    assert sorted(tree.rglob("*")) == before


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("import sys\n", "its start.py does not end with a call of the runtime"),
        ("", "its start.py does not end with a call of the runtime"),
        ("serve(\n", "its start.py is no Python"),
    ],
)
def test_a_start_that_cannot_be_followed(tmp_path, start, reason):
    (tmp_path / "start.py").write_text(start)
    with pytest.raises(CannotMeasureError, match=reason):
        _probe(tmp_path / "start.py", "hello")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"archive"', b'"platform"', "there is no interpreter inside"),
        (f'"arch": "{parts.HOST}"'.encode(), b'"arch": "arm64"', "it is for arm64, this machine is amd64"),
    ],
)
def test_what_this_machine_cannot_run(hello, tmp_path, monkeypatch, old, new, reason):
    monkeypatch.setattr("polyfn.toolchain.report.imports.host_arch", lambda: "amd64")
    monkeypatch.setattr("polyfn.toolchain.report.imports._emulated", lambda arch: False)
    with zipfile.ZipFile(hello) as archive:
        text = archive.read("polyfn.json").replace(old, new)
    report = examine(changed(hello, tmp_path / "changed.zip", polyfn_json=text), imports=True)
    assert report.not_measured.startswith(reason)


def test_nothing_is_run_unless_it_is_asked_for(hello):
    report = examine(hello)
    assert (report.imports, report.not_measured) == ((), "it was not asked for")


def test_nothing_is_left_behind(hello, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert examine(hello, imports=True).imports
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_zip_names_no_modules(zipped):
    assert "no polyfn.json" in examine(zipped({"a.py": ""}), imports=True).not_measured
