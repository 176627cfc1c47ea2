"""What of an interpreter a function never imports, and the copy that leaves it out.

The lists are data: a name to keep or to leave out in `[tool.polyfn]`, and the paths that belong to
it. What was left out is noted beside the interpreter, so that an import of it fails with a message
that says how to keep it (`polyfn.runtime.pruned`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

#: Patterns of paths relative to the interpreter's prefix. `*` also matches `/`, a match on a directory
#: leaves out all that is in it, and `LIB` stands for `lib/python3.x`. These go always.
ALWAYS: tuple[str, ...] = (
    # Made anew for the target, or of no use at run time.
    "*__pycache__",
    "*.pyc",
    "*.a",
    "*.o",
    "*.orig",
    "include",
    "share",
    "lib/pkgconfig",
    "lib/debug",
    "LIB/config-*",
    "LIB/EXTERNALLY-MANAGED",
    "LIB/build-details*.json",
    # What is installed there belongs to the machine it was installed on, not to the function.
    "LIB/site-packages",
    "LIB/dist-packages",
    "LIB/sitecustomize.py",
    "LIB/usercustomize.py",
    # The programs: `bin/python3.x` is put there by whoever installs it.
    "bin",
)

#: What goes unless the project keeps it, by the name that keeps it.
GROUPS: dict[str, tuple[str, ...]] = {
    # Tests, and the C modules that only tests import.
    "test": (
        "LIB/test",
        "LIB/*/test",
        "LIB/*/tests",
        "LIB/lib-dynload/_test*",
        "LIB/lib-dynload/*_test.*",
        "LIB/lib-dynload/_xxtestfuzz*",
        "LIB/lib-dynload/xx*",
    ),
    # Desktops and terminals.
    "tkinter": (
        "LIB/tkinter",
        "LIB/turtle.py",
        "LIB/turtledemo",
        "LIB/lib-dynload/_tkinter*",
        "lib/libtcl*",
        "lib/libtk*",
        "lib/tcl*",
        "lib/tk*",
        "lib/itcl*",
        "lib/thread*",
        "lib/Tix*",
    ),
    "idlelib": ("LIB/idlelib", "LIB/*/idle_test"),
    "curses": ("LIB/curses", "LIB/lib-dynload/_curses*", "lib/terminfo"),
    "readline": ("LIB/lib-dynload/readline*",),
    "_pyrepl": ("LIB/_pyrepl",),
    "ossaudiodev": ("LIB/lib-dynload/ossaudiodev*",),
    # Yellow Pages bring Kerberos with them.
    "nis": ("LIB/lib-dynload/nis.*",),
    # Tools of a developer's machine.
    "ensurepip": ("LIB/ensurepip",),
    "venv": ("LIB/venv",),
    "lib2to3": ("LIB/lib2to3",),
    "pydoc_data": ("LIB/pydoc_data",),
    # Looks into other processes; what it shows them in is a megabyte of pages and scripts (3.15).
    "profiling.sampling": ("LIB/profiling/sampling", "LIB/lib-dynload/_remote_debugging.*"),
    "__phello__": ("LIB/__phello__*", "LIB/__hello__.py"),
    # Other systems.
    "msilib": ("LIB/msilib",),
    "ctypes.macholib": ("LIB/ctypes/macholib",),
    "_ios_support": ("LIB/_ios_support.py", "LIB/_apple_support.py", "LIB/_android_support.py"),
    "_aix_support": ("LIB/_aix_support.py",),
    "asyncio.windows_events": ("LIB/asyncio/windows_*.py",),
    "multiprocessing.popen_spawn_win32": ("LIB/multiprocessing/popen_spawn_win32.py",),
    # Second copies in Python of what the interpreter has in C.
    "_pyio": ("LIB/_pyio.py",),
    "_pydecimal": ("LIB/_pydecimal.py",),
}

#: What belongs to a name besides the module and its C half, for `prune`.
TOGETHER: dict[str, tuple[str, ...]] = {
    "ssl": ("LIB/lib-dynload/_hashlib.*",),
    "unittest": ("LIB/doctest.py",),
    "decimal": ("LIB/_pydecimal.py",),
    "dbm": ("LIB/lib-dynload/_gdbm.*",),
    "cjkcodecs": (
        "LIB/lib-dynload/_codecs_*",
        "LIB/lib-dynload/_multibytecodec.*",
        *(f"LIB/encodings/{name}.py" for name in ("big5*", "cp9[345]*", "euc_*", "gb*", "hz", "iso2022*")),
        *(f"LIB/encodings/{name}.py" for name in ("johab", "shift_j*")),
    ),
}

#: All that goes where a project says nothing.
INTERPRETER: tuple[str, ...] = (*ALWAYS, *(pattern for group in GROUPS.values() for pattern in group))

#: Patterns of what goes, each with the name that keeps it (None: nothing does).
Rules = dict[str, str | None]

#: The note beside the interpreter: module names, each with the name that keeps it.
NOTE = "pruned.json"


@dataclass(frozen=True)
class Left:
    """One file or directory that is left out: its path in the prefix, its bytes, and the name that keeps it.

    `keep` is None for what is never carried.
    """

    path: str
    size: int
    keep: str | None


def rules(keep: Iterable[str] = (), prune: Iterable[str] = ()) -> Rules:
    """Return the patterns of what goes, each with the name that keeps it (None: nothing does).

    `keep` and `prune` are as in `[tool.polyfn]`: names of modules, `prune` also patterns of paths.
    """
    kept = set(keep)
    found: Rules = dict.fromkeys(ALWAYS)
    for name, patterns in GROUPS.items():
        if name not in kept:
            found.update((pattern, name) for pattern in patterns if not _names(pattern, kept))
    for name in prune:
        if name not in kept:
            found.update((pattern, name) for pattern in _of(name))
    return found


def _names(pattern: str, kept: set[str]) -> bool:
    return pattern.removeprefix("LIB/").removesuffix(".py").replace("/", ".") in kept


def _of(name: str) -> tuple[str, ...]:
    if "/" in name or "*" in name:
        return (name,)
    path, more = name.replace(".", "/"), TOGETHER.get(name, ())
    c_half = (f"LIB/lib-dynload/{name}.*", f"LIB/lib-dynload/_{name}.*")
    return (f"LIB/{path}", f"LIB/{path}.py", *c_half, *more)


def pruned(path: str, patterns: Iterable[str], python: str) -> bool:
    """Whether a path relative to the prefix is left out. `python` is `3.x`, `3.xt` if free-threaded."""
    return _matcher(tuple(patterns), python)(path) is not None


@lru_cache(maxsize=8)
def _matcher(patterns: tuple[str, ...], python: str) -> _Matcher:
    return _Matcher(patterns, python)


class _Matcher:
    """Finds the pattern that matches a path."""

    def __init__(self, patterns: tuple[str, ...], python: str) -> None:
        library = f"lib/python{python}"
        self._pairs = [(pattern.replace("LIB", library), pattern) for pattern in patterns]

    def __call__(self, path: str) -> str | None:
        return next((pattern for real, pattern in self._pairs if fnmatchcase(path, real)), None)


def plan(
    tree: Path, python: str, *, keep: Iterable[str] = (), prune: Iterable[str] = (), inside: str = ""
) -> tuple[Left, ...]:
    """Return what a copy of an interpreter's tree would leave out, the biggest first. Nothing is changed.

    `tree` is the directory `inside` of the interpreter's prefix.
    """
    wanted = rules(keep, prune)
    match = _Matcher(tuple(wanted), python)
    found = [
        Left(name, _size(path), wanted[pattern])
        for name, path, pattern in _walk(tree, inside, match)
        if pattern is not None
    ]
    return tuple(sorted(found, key=lambda left: (-left.size, left.path)))


def copy(
    source: Path, target: Path, python: str, patterns: Iterable[str] = INTERPRETER, *, inside: str = ""
) -> dict[str, str]:
    """Copy an interpreter's tree, without what the patterns leave out.

    Symbolic links become copies of what they point to, so that the tree stands alone; links that
    point to nothing or to a directory are left out. `source` is the directory `inside` of the
    interpreter's prefix. Returns what was left out: paths in the prefix, each with its pattern.
    """
    left: dict[str, str] = {}
    for name, path, pattern in _walk(source, inside, _Matcher(tuple(patterns), python)):
        if pattern is not None:
            left[name] = pattern
            continue
        place = target / name[len(inside) :]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        place.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    return left


def _walk(folder: Path, prefix: str, match: _Matcher) -> Iterator[tuple[str, Path, str | None]]:
    """Every file that stays, and the topmost path of what goes, with its pattern."""
    for path in sorted(folder.iterdir()):
        name = prefix + path.name
        if (pattern := match(name)) is not None:
            yield name, path, pattern
        elif path.is_dir():
            if not path.is_symlink():
                yield from _walk(path, name + "/", match)
        elif path.is_file():
            yield name, path, None


def _size(path: Path) -> int:
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(Path(folder, name).lstat().st_size for folder, _, names in os.walk(path) for name in names)


def note(prefix: Path, python: str, left: dict[str, str], wanted: Rules) -> None:
    """Write down which modules were left out, for the message of an import that fails for it."""
    names = {
        module: keep
        for path, pattern in left.items()
        if (keep := wanted.get(pattern)) is not None and (module := _module(path, python)) is not None
    }
    if names:
        text = json.dumps(dict(sorted(names.items())), separators=(",", ":"))
        (prefix / NOTE).write_text(text + "\n", encoding="utf-8")


def _module(path: str, python: str) -> str | None:
    """The module that a path of the library is, such as `ctypes.macholib`."""
    inside = path.removeprefix(f"lib/python{python}/")
    if inside == path:
        return None
    if inside.startswith("lib-dynload/"):
        return inside.removeprefix("lib-dynload/").partition(".")[0]
    stem = inside.removesuffix(".py").replace("/", ".")
    return stem if re.fullmatch(r"\w+(\.\w+)*", stem) else None
