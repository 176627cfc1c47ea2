"""What of an interpreter a function never imports, and the copy that leaves it out."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

#: Patterns of paths relative to the interpreter's prefix. `*` also matches `/`, a match on a directory
#: leaves out all that is in it, and `LIB` stands for `lib/python3.x`.
INTERPRETER: tuple[str, ...] = (
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
    "LIB/build-details.json",
    # What is installed there belongs to the machine it was installed on, not to the function.
    "LIB/site-packages",
    "LIB/dist-packages",
    "LIB/sitecustomize.py",
    "LIB/usercustomize.py",
    # Tests, and the C modules that only tests import.
    "LIB/test",
    "LIB/*/test",
    "LIB/*/tests",
    "LIB/*/idle_test",
    "LIB/lib-dynload/_test*",
    "LIB/lib-dynload/*_test.*",
    "LIB/lib-dynload/_xxtestfuzz*",
    "LIB/lib-dynload/xx*",
    # Desktops and terminals.
    "LIB/idlelib",
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
    "LIB/curses",
    "LIB/lib-dynload/_curses*",
    "LIB/lib-dynload/readline*",
    "LIB/lib-dynload/ossaudiodev*",
    # Yellow Pages bring Kerberos with them.
    "LIB/lib-dynload/nis.*",
    "lib/terminfo",
    # Tools of a developer's machine.
    "LIB/ensurepip",
    "LIB/venv",
    "LIB/lib2to3",
    "LIB/pydoc_data",
    "LIB/__phello__*",
    "LIB/_pyrepl",
    # The programs: `bin/python3.x` is put there by whoever installs it.
    "bin",
)


def pruned(path: str, patterns: Iterable[str], python: str) -> bool:
    """Whether a path relative to the prefix is left out. `python` is `3.x`."""
    library = f"lib/python{python}"
    return any(fnmatchcase(path, pattern.replace("LIB", library)) for pattern in patterns)


def copy(source: Path, target: Path, python: str, patterns: Iterable[str] = INTERPRETER) -> None:
    """Copy an interpreter's tree, without what the patterns leave out.

    Symbolic links become copies of what they point to, so that the tree stands alone; links that
    point to nothing or to a directory are left out.
    """
    patterns = tuple(patterns)
    for name, path in _files(source, "", patterns, python):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        place.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _files(folder: Path, prefix: str, patterns: tuple[str, ...], python: str) -> Iterable[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        name = prefix + path.name
        if pruned(name, patterns, python):
            continue
        if path.is_dir():
            if not path.is_symlink():
                yield from _files(path, name + "/", patterns, python)
        elif path.is_file():
            yield name, path
