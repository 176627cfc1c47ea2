"""Missing imports: which count, which do not, and what is said of them."""

import pytest

from polyfn.toolchain.verify import verify
from polyfn.toolchain.verify.imports import NotValidError, imports
from tests.toolchain.verify.zips import GOOD, dist, make, only

MANIFEST = (
    b'{"target": "aws", "arch": "amd64", "functions": [{"module": "main"}], "interpreter": {"version": "%s"}}'
)


def bundle(app, *, python="3.12", **more):
    """A bundle with the parts that imports are resolved in, and a standard library of few modules."""
    library = f"python/lib/python{python}"
    stdlib = (
        "os.py",
        "json/__init__.py",
        "ctypes/__init__.py",
        "lib-dynload/_ssl.cpython-312-x86_64-linux-gnu.txt",
    )
    return {
        **GOOD, "start.py": b"", "polyfn.json": MANIFEST % python.encode(),
        **{f"{library}/{name}": b"" for name in stdlib},
        **{f"app/{name}": text.encode() for name, text in app.items()}, **more,
    }  # fmt: skip


def found(tmp_path, aws, files):
    return [(one.code, one.severity, one.message) for one in verify(make(tmp_path / "a.zip", files), aws)]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("import x", "import"),
        ("import a; import x", "import"),
        ("class A:\n import x", "import"),
        ("for i in (): import x", "import"),
        ("try:\n import x\nfinally: pass", "import"),
        ("try:\n import x\nexcept KeyError: pass", "import"),
        ("with open(p): import x", "import"),
        ("if TYPE_CHECKING: pass\nelse:\n import x", "import"),
        # These no Python before 3.15 can parse (PEP 810).
        ("lazy import x", "call"),
        ("if True:\n  lazy  from x import y", "call"),
        ("lazy import a\nimport x", "import"),
        ('"""\nlazy import a\n"""\nlazy from a import b\nimport x', "import"),
        ("def f(): import x", "call"),
        ("async def f():\n for i in (): import x", "call"),
        ("if DEBUG: import x", "call"),
        ("match y:\n case 1: import x", "call"),
        ("try:\n pass\nexcept KeyError:\n import x", "call"),
        ("try: import x\nexcept ImportError: x = None", "maybe"),
        ("try: import x\nexcept (KeyError, ModuleNotFoundError): x = None", "maybe"),
        ("try: import x\nexcept: x = None", "maybe"),
        ("try: import y\nexcept ImportError: import x", "maybe"),
        ("def f():\n try: import x\n except builtins.ImportError: pass", "maybe"),
        ("with suppress(ImportError): import x", "maybe"),
        ("with contextlib.suppress(ImportError, OSError): import x", "maybe"),
        ("if TYPE_CHECKING: import x", "maybe"),
        ("if typing.TYPE_CHECKING: import x", "maybe"),
        ("if False: import x", "maybe"),
        ("if sys.platform == 'win32': import x", "maybe"),
        ("if sys.version_info < (3, 9): import x", "maybe"),
        ("if os.name == 'nt': pass\nelse: import x", "maybe"),
        ("if __name__ == '__main__': import x", "maybe"),
    ],
)
def test_when(text, when):
    assert [one.when for one in imports(text.encode()) if one.module == "x"] == [when]


def test_from():
    (one,) = imports(b"from ..a.b import c, d as e")
    assert (one.module, one.names, one.level, one.line) == ("a.b", ("c", "d"), 2, 1)


@pytest.mark.parametrize("text", [b"def", b"\0", b"\xff\xfe", b"(" * 5000])
def test_what_is_no_python(text):
    with pytest.raises(NotValidError):
        imports(text)


def test_what_is_there(tmp_path, aws):
    main = (
        "import json, os, sys, builtins, itertools, polyfn\nfrom polyfn import x\nimport pkg.inner\n"
        "from pkg import anything\nfrom other import thing\nimport space.deep, dep\nfrom . import y\n"
    )
    package = {"pkg/__init__.py": "from . import inner\nfrom .inner import a\n", "pkg/inner.py": ""}
    app = {"main.py": main, **package, "space/deep.py": ""}
    files = bundle(app, **{
        "runtime/polyfn/__init__.py": b"", "app/other.abi3.so": b"", "site/dep/__init__.py": b"",
    })  # fmt: skip
    assert found(tmp_path, aws, files) == []


def test_a_module_that_is_missing(tmp_path, aws):
    path = make(tmp_path / "a.zip", bundle({"main.py": "import json\nimport requests\n"}))
    one = only(path, aws)
    assert (one.code, one.severity, one.path) == ("PV310", "error", "app/main.py")
    assert one.message == "app/main.py:2 imports requests, which is not in the artifact"
    assert "dependencies" in one.remedy


def test_a_module_of_a_package_that_is_missing(tmp_path, aws):
    app = {"main.py": "import pkg.gone\n", "pkg/__init__.py": "from .lost import a\n"}
    assert [(code, severity) for code, severity, _ in found(tmp_path, aws, bundle(app))] == [
        ("PV310", "error")
    ] * 2


def test_a_package_with_a_path_of_its_own(tmp_path, aws):
    app = {"main.py": "import pkg.gone\n", "pkg/__init__.py": "__path__ = []\n"}
    assert found(tmp_path, aws, bundle(app)) == []


def test_in_a_function(tmp_path, aws):
    [(code, severity, message)] = found(tmp_path, aws, bundle({"main.py": "def f():\n  import gone\n"}))
    assert (code, severity) == ("PV310", "warning")
    assert message.endswith("(when that code runs)")


def test_what_no_function_reaches(tmp_path, aws):
    app = {"main.py": "import near\n", "near.py": "import gone\n", "far.py": "import gone\n"}
    result = found(tmp_path, aws, bundle(app))
    assert [(severity, message.split()[0]) for _, severity, message in result] == [
        ("error", "app/near.py:1"),
        ("note", "app/far.py:1"),
    ]


def test_what_a_dependency_imports(tmp_path, aws):
    files = bundle(
        {"main.py": "import dep\n"},
        **{
            "site/dep/__init__.py": b"from .a import b\n",
            "site/dep/a.py": b"import gone\ndef f(): import also\n",
        },
        **{"site/dep/unused.py": b"import gone\n"},
        **dist("dep", ["dep/__init__.py", "dep/a.py", "dep/unused.py"]),
    )
    [(code, severity, message)] = found(tmp_path, aws, files)
    assert (code, severity) == ("PV310", "warning")
    assert message.startswith("site/dep/a.py:1 of dep 1.0")


def test_what_was_left_out_of_the_interpreter(tmp_path, aws):
    one = only(make(tmp_path / "a.zip", bundle({"main.py": "import tkinter.ttk\n"})), aws)
    assert (one.code, one.severity) == ("PV311", "error")
    assert 'keep = ["tkinter"] in [tool.polyfn]' in one.remedy


def test_what_the_artifact_says_was_left_out(tmp_path, aws):
    note = {"python/pruned.json": b'{"sqlite3": "databases"}'}
    one = only(make(tmp_path / "a.zip", bundle({"main.py": "import sqlite3\n"}, **note)), aws)
    assert 'keep = ["databases"]' in one.remedy


@pytest.mark.parametrize(("module", "python"), [("distutils.core", "3.12"), ("sre_parse", "3.15")])
def test_what_python_removed(module, python, tmp_path, aws):
    files = bundle({"main.py": f"import {module}\n"}, python=python)
    one = only(make(tmp_path / "a.zip", files), aws)
    assert (one.code, one.severity) == ("PV310", "error")
    assert f"which Python {python} removed" in one.message


def test_built_into_the_program(tmp_path, aws):
    program = {"python/bin/python3.12": (b"#!\0PyInit__socket\0", 0o755)}
    files = bundle({"main.py": "import _socket, _bz2\n"}, **program)
    assert "imports _bz2" in only(make(tmp_path / "a.zip", files), aws).message


def test_a_changed_path_makes_it_less_sure(tmp_path, aws):
    files = bundle({"main.py": "import sys\nsys.path.append('x')\nimport gone\n"})
    assert [severity for _, severity, _ in found(tmp_path, aws, files)] == ["warning"]


def test_what_is_no_python_in_an_artifact(tmp_path, aws):
    files = bundle({"main.py": "import tools\n", "tools.py": "print 'hello'\n"})
    [(code, severity, message)] = found(tmp_path, aws, files)
    assert (code, severity) == ("PV312", "warning")
    assert "line 1" in message


def test_the_platforms_own_python(tmp_path, aws):
    text = b"import json, sqlite3, boto3, requests\n"
    findings = verify(make(tmp_path / "a.zip", {**GOOD, "app.py": text}), aws)
    assert [one.message for one in findings] == ["app.py:1 imports requests, which is not in the artifact"]


@pytest.mark.parametrize(("python", "count"), [("3.13", 1), ("3.14", 0)])
def test_the_platforms_own_python_may_be_newer(python, count, tmp_path, aws):
    manifest = MANIFEST % python.encode()
    files = {**GOOD, "polyfn.json": manifest, "app/main.py": b"from compression import zstd\n"}
    assert len(found(tmp_path, aws, files)) == count


def test_a_cycle_ends(tmp_path, aws):
    app = {
        "main.py": "import a\n",
        "a/__init__.py": "from . import b\n",
        "a/b.py": "from .. import c\nimport a, main\n",
    }
    assert found(tmp_path, aws, bundle(app)) == []
