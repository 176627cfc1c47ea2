"""Takes out of an interpreter's copy where the original lies: nobody's business, and not reproducible."""

from __future__ import annotations

from pathlib import Path

from polyfn.toolchain.bundle import elf

#: What stands there instead, as in the standalone builds.
_NOWHERE = "/install"
#: Prefixes that tell nothing of a machine.
_COMMON = ("/usr", "/usr/local")


def forget(tree: Path, prefix: Path, python: str) -> None:
    """Replace the path `prefix` in the build configuration and the programs and libraries of `tree`.

    Nothing there is found by it: an interpreter looks for its library from where it is itself.
    """
    for spelling in sorted({str(prefix), str(prefix.resolve())} - set(_COMMON), key=len, reverse=True):
        for file in (tree / "lib" / f"python{python}").glob("_sysconfigdata*.py"):
            text = file.read_text("utf-8")
            file.write_text(text.replace(spelling, _NOWHERE), "utf-8")
        for file in tree.rglob("*"):
            if elf.is_elf(file):
                _overwrite(file, spelling)


def _overwrite(file: Path, spelling: str) -> None:
    # As long as before, since everything in a program has its place; slashes in a row count as one. The
    # last part stays: linkers store a string that is another's end, such as a version, only once.
    parent, slash, last = spelling.rpartition("/")
    old = spelling.encode()
    new = _NOWHERE.ljust(len(parent), "/")[: len(parent)].encode() + (slash + last).encode()
    content = file.read_bytes()
    if old in content:
        file.write_bytes(content.replace(old, new))
