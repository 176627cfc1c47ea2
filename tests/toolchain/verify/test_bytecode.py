"""Bytecode: made by real compilers, for this Python and with headers of others."""

import importlib.util
import marshal
import py_compile
import sys
import zipfile

import pytest

from polyfn.toolchain.verify import verify
from polyfn.toolchain.verify.checks.bytecode import MAGIC, source_of
from tests.toolchain.verify.zips import GOOD, make

HERE = f"3.{sys.version_info[1]}"
SOURCE = b"answer = 42\n"


def compiled(tmp_path, mode):
    (tmp_path / "m.py").write_bytes(SOURCE)
    place = py_compile.compile(
        str(tmp_path / "m.py"), cfile=str(tmp_path / "m.pyc"), invalidation_mode=mode, doraise=True
    )
    with open(place, "rb") as file:
        return file.read()


def files(source, pyc, *, place="app/__pycache__/m.cpython-311.pyc"):
    found = {**GOOD, "start.py": b"", "app/n.py": b"", f"python/lib/python{HERE}/os.py": b"", place: pyc}
    return found if source is None else {**found, "app/m.py": source}


def codes(tmp_path, aws, content):
    return [one.code for one in verify(make(tmp_path / "a.zip", content), aws)]


def test_the_table_of_magic_numbers():
    assert MAGIC[HERE] == int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")


@pytest.mark.parametrize(
    ("mode", "wanted"), [("UNCHECKED_HASH", []), ("CHECKED_HASH", ["PV308"]), ("TIMESTAMP", ["PV307"])]
)
def test_modes(tmp_path, aws, mode, wanted):
    pyc = compiled(tmp_path, py_compile.PycInvalidationMode[mode])
    assert codes(tmp_path, aws, files(SOURCE, pyc)) == wanted


def test_of_another_source(tmp_path, aws):
    pyc = compiled(tmp_path, py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert codes(tmp_path, aws, files(b"answer = 43\n", pyc)) == ["PV309"]


def test_of_another_python(tmp_path, aws):
    pyc = compiled(tmp_path, py_compile.PycInvalidationMode.UNCHECKED_HASH)
    other = (3495 if HERE != "3.11" else 3531).to_bytes(2, "little") + pyc[2:]
    assert codes(tmp_path, aws, files(SOURCE, other)) == ["PV305"]
    assert codes(tmp_path, aws, files(None, other, place="app/m.pyc")) == ["PV306"]
    assert codes(tmp_path, aws, files(SOURCE, other, place="start.pyc")) == ["PV306"]


def test_what_no_import_looks_at(tmp_path, aws):
    pyc = b"\0" * 16 + marshal.dumps(None)
    assert codes(tmp_path, aws, files(None, pyc)) == []
    assert codes(tmp_path, aws, files(SOURCE, pyc, place="app/m.pyc")) == []


def test_a_directory_as_pip_leaves_it(tmp_path, aws):
    """What compileall writes by default depends on times: it is said once, not for each file."""
    tree = {
        **GOOD,
        f"python/lib/python{HERE}/os.py": b"",
        "start.py": b"",
        "app/m.py": SOURCE,
        "app/n.py": SOURCE,
    }
    pyc = compiled(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP)
    tree |= {f"app/__pycache__/{name}.cpython-311.pyc": pyc for name in ("m", "n")}
    (one,) = verify(make(tmp_path / "a.zip", tree), aws)
    assert one.code == "PV307"
    assert "(and 1 more)" in one.message
    assert zipfile.is_zipfile(tmp_path / "a.zip")


def test_where_a_source_is():
    assert source_of("a/__pycache__/b.cpython-311.pyc") == "a/b.py"
    assert source_of("__pycache__/b.cpython-311.opt-1.pyc") == "b.py"
    assert source_of("a/b.pyc") is None
