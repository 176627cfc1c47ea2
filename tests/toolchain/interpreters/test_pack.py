"""The runtime's pack: imports from it are as from files."""

import json
import platform
import subprocess
import sys

import pytest

from polyfn.toolchain.bundle import bytecode, pack, ships, stdlib
from polyfn.toolchain.bundle.interpreter import Interpreter
from tests import parts

HERE = Interpreter("linked", platform.python_version(), None, (sys.executable,), parts.HOST)
RUNTIME = '''
"""A provider's runtime that tells what it sees."""
import sys

def main(start):
    import inspect, json, pkgutil, traceback
    import deskruntime, polyfn, polyfn.errors, polyfn.runtime.times, told
    from deskruntime import inner
    try:
        polyfn.runtime.times.parse(object())
    except Exception:
        trace = traceback.format_exc()
    try:
        import leftout
    except ImportError as error:
        missing = [str(error), error.name]
    import importlib.util
    print(json.dumps({
        "start": start, "trace": trace, "missing": missing, "told": told.__file__,
        "absent": importlib.util.find_spec("leftout") is None,
        "file": polyfn.errors.__file__, "path": list(polyfn.__path__), "package": polyfn.errors.__package__,
        "source": inspect.getsource(polyfn.errors).splitlines()[0],
        "modules": sorted(m.name for m in pkgutil.iter_modules(deskruntime.__path__)),
        "inner": inner.__spec__.name, "compiled": [m for m in sys.modules if m == "polyfn.runtime.boot"],
        "argv": sys.argv,
    }))
'''


@pytest.fixture
def bundle(tmp_path):
    root = tmp_path / "bundle"
    for folder in ("app", "site", "python", "runtime/deskruntime"):
        (root / folder).mkdir(parents=True)
    ships.copy((), root / "runtime")
    (root / "runtime/deskruntime/__init__.py").write_text(RUNTIME)
    (root / "runtime/deskruntime/inner.py").write_text("")
    (root / "app/told.py").write_text("")
    (root / "python/pruned.json").write_text('{"leftout": "tkinter"}')
    bytecode.compile_tree(root, HERE, print, [("app", "runtime")])
    assert pack.pack(root, "deskruntime", {"functions": {"f": "told"}})
    return root


@pytest.mark.parametrize("start", ["start.py", "start.pyc"])
@pytest.mark.parametrize("where", ["absolute", "relative", "here"])
def test_is_imported_from(bundle, start, where):
    command, cwd = {
        "absolute": (str(bundle / start), "/"),
        "relative": (f"{bundle.name}/{start}", bundle.parent),
        "here": (start, bundle),
    }[where]
    flags = ["-I", "-S", "-X", "utf8"]
    answer = subprocess.run([sys.executable, *flags, command], cwd=cwd, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["start"] == {"functions": {"f": "told"}, "root": str(bundle)}
    assert told["file"] == f"{bundle}/runtime/polyfn/errors.py"
    assert told["path"] == [f"{bundle}/runtime/polyfn"]
    assert told["package"] == "polyfn"
    assert told["source"].startswith('"""')
    assert told["modules"] == ["inner"]
    assert told["inner"] == "deskruntime.inner"
    assert told["told"] == f"{bundle}/app/told.py"
    # Whoever imports it is told what to do; whoever asks whether it is there is told that it is not.
    assert told["missing"][1] == "leftout"
    assert told["missing"][0].startswith("No module named 'leftout': it was left out of this artifact")
    assert '[tool.polyfn] keep = ["tkinter"]' in told["missing"][0]
    assert told["absent"] is True
    # The traceback shows the source line, under the file's absolute name.
    assert f'File "{bundle}/runtime/polyfn/runtime/times.py", line ' in told["trace"]


def test_bytecode_is_nowhere_else(bundle):
    assert not list((bundle / "runtime").rglob("*.pyc"))
    assert list((bundle / "app").rglob("*.pyc"))


def test_same_bytes_again(bundle, tmp_path):
    first = (bundle / "modules.pack").read_bytes()
    other = tmp_path / "other"
    (other / "runtime/deskruntime").mkdir(parents=True)
    ships.copy((), other / "runtime")
    (other / "runtime/deskruntime/__init__.py").write_text(RUNTIME)
    (other / "runtime/deskruntime/inner.py").write_text("")
    bytecode.compile_tree(other, HERE, print, [("runtime",)])
    pack.pack(other, "deskruntime", {"functions": {"f": "told"}})
    assert (other / "modules.pack").read_bytes() == first


def test_without_bytecode_nothing_is_done(tmp_path):
    ships.copy((), tmp_path / "runtime")
    assert not pack.pack(tmp_path, "deskruntime", {})
    assert not (tmp_path / "modules.pack").exists()


def test_library_sources_go_where_there_is_bytecode(tmp_path):
    library = tmp_path / "lib/python3.11/json"
    (library / "__pycache__").mkdir(parents=True)
    (library / "decoder.py").write_text("x")
    (library / "__pycache__/decoder.cpython-311.pyc").write_bytes(b"compiled")
    (library / "bad.py").write_text("does not compile")
    stdlib.drop_sources(tmp_path)
    assert sorted(path.name for path in library.iterdir()) == ["bad.py", "decoder.pyc"]
    assert (library / "decoder.pyc").read_bytes() == b"compiled"
