"""The modules that an artifact's Python can import, by name."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from polyfn.toolchain.bundle import prune
from polyfn.toolchain.verify.layout import Layout, json_of
from polyfn.toolchain.verify.subject import Subject

#: In every interpreter, under names that its binary does not tell.
_CORE = frozenset({
    "sys", "builtins", "_imp", "marshal", "gc", "_warnings", "_string", "_tokenize", "_ast",
    "_thread", "_io", "time", "_frozen_importlib", "_frozen_importlib_external", "zipimport",
    "__main__", "__future__", "posix", "_typing", "_contextvars", "_collections", "_functools",
    "_sre", "_weakref", "_codecs", "_operator", "_stat", "_signal", "_symtable", "_tracemalloc",
    "_abc", "_locale", "atexit", "errno", "faulthandler", "itertools", "pwd",
})  # fmt: skip

#: Modules that the standard library once had (PEP 594, PEP 632; 3.15's release notes), and the version
#: without them.
REMOVED = {
    **dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), 12),
    **dict.fromkeys(
        ("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "mailcap", "nis", "nntplib",
         "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib", "lib2to3"),
         13,
    ),
    **dict.fromkeys(("sre_compile", "sre_constants", "sre_parse"), 15),
}  # fmt: skip
#: Modules that the Python which verifies may be too old to know, and the version that has them first.
ADDED = {"annotationlib": 14, "compression": 14, "profiling": 15}
_SUFFIXES = (".py", ".so", ".pyc")


@dataclass(frozen=True)
class Module:
    """A module: the file of its source or of its extension, empty for a folder without `__init__`."""

    path: str
    package: bool


class Modules:
    """Every module under the artifact's roots, and what stands in for a standard library elsewhere."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._layout: Layout = subject.layout
        self._found: dict[str, Module] = {}
        for root in self._layout.roots:
            for name, module in under(root, subject.files):
                # The first root wins; a folder without __init__ gives way to anything.
                if name not in self._found or not self._found[name].path:
                    self._found[name] = module

    def get(self, name: str) -> Module | None:
        """Return a module of the artifact's files."""
        return self._found.get(name)

    def has(self, top: str) -> bool:
        """Whether a top-level module can be imported, from wherever."""
        if top in self._found or top in _CORE or top in self._zipped:
            return True
        if not self.has_stdlib:
            return self._standard(top) or top in self._subject.rules.modules
        return top in sys.stdlib_module_names and self._builtin(top)

    @cached_property
    def has_stdlib(self) -> bool:
        """Whether the standard library lies in the artifact."""
        return self._layout.stdlib is not None or bool(self._zipped)

    def pruned(self, top: str) -> str | None:
        """Return the name that keeps a module of the standard library which polyfn left out, else None."""
        if top in self._note:
            return str(self._note[top])
        python = self._layout.python
        if python is None or top not in sys.stdlib_module_names:
            return None
        library = f"lib/python{python}"
        places = (f"{library}/{top}", f"{library}/{top}.py", f"{library}/lib-dynload/{top}.cpython.so")
        return top if any(prune.pruned(place, prune.INTERPRETER, python) for place in places) else None

    def _standard(self, top: str) -> bool:
        """Whether the target's Python has it in its standard library, as far as this one knows."""
        python = self._layout.python
        if python is None or top not in ADDED:
            return top in sys.stdlib_module_names
        return int(python[2:]) >= ADDED[top]

    def _builtin(self, top: str) -> bool:
        symbol = b"PyInit_" + top.encode()
        return any(symbol + b"\0" in data for data in self._programs)

    @cached_property
    def _note(self) -> dict[str, object]:
        # Told by `polyfn package` itself: module names, each with the name that keeps it.
        return json_of(self._subject.text(f"python/{prune.NOTE}"))

    @cached_property
    def _programs(self) -> list[bytes]:
        programs = self._layout.programs
        return [data for name in programs if (data := self._subject.text(name, 256 << 20)) is not None]

    @cached_property
    def _zipped(self) -> frozenset[str]:
        data = None if self._layout.zipped is None else self._subject.text(self._layout.zipped, 256 << 20)
        try:
            with zipfile.ZipFile(io.BytesIO(data or b"")) as opened:
                return frozenset(name.partition("/")[0].partition(".")[0] for name in opened.namelist())
        except Exception:  # noqa: BLE001  zipfile raises any error for what is none
            return frozenset()


def under(root: str, names: Iterable[str]) -> Iterator[tuple[str, Module]]:
    """Give the modules under one folder, packages before what is in them."""
    prefix = f"{root}/" if root else ""
    folders: set[str] = set()
    for path in names:
        if not path.startswith(prefix) or not path.endswith(_SUFFIXES):
            continue
        *outer, file = path[len(prefix) :].split("/")
        if "__pycache__" in outer or not all(map(str.isidentifier, outer)):
            continue
        for depth in range(1, len(outer) + 1):
            folder = ".".join(outer[:depth])
            if folder not in folders:
                folders.add(folder)
                yield folder, Module("", package=True)
        stem = file.partition(".")[0]
        if stem == "__init__" and outer:
            yield ".".join(outer), Module(path, package=True)
        elif stem.isidentifier():
            yield ".".join((*outer, stem)), Module(path, package=False)
