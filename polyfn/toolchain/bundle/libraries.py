"""Finds shared libraries on this machine as its loader would, and copies what a tree lacks.

The order is that of ld.so(8): RPATH, LD_LIBRARY_PATH, RUNPATH, the ldconfig cache, the default
directories. Only libraries of the wanted machine count.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from polyfn.toolchain.bundle import elf
from polyfn.toolchain.provider import Arch

_DEFAULT = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
_MULTIARCH = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_CACHE_LINE = re.compile(r"^\s*(\S+) \(.*\) => (.+)$")


class Finder:
    """Finds libraries by name. `extra` are directories of the program that loads them (its RPATH)."""

    def __init__(self, arch: Arch, extra: Iterable[Path] = ()) -> None:
        self._arch = arch
        self._extra = tuple(extra)
        self._cache = _ldconfig()

    def find(self, name: str, wanted_by: Path, facts: elf.Elf) -> Path | None:
        """Return the file that a library name stands for, or None."""
        for candidate in self._candidates(name, wanted_by, facts):
            if (found := elf.read(candidate)) is not None and found.machine == self._arch:
                return candidate
        return None

    def _candidates(self, name: str, wanted_by: Path, facts: elf.Elf) -> Iterator[Path]:
        if "/" in name:
            yield Path(name)
            return
        for folder in expand(facts.rpath, wanted_by):
            yield folder / name
        for folder in self._extra:
            yield folder / name
        for entry in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
            if entry:
                yield Path(entry, name)
        for folder in expand(facts.runpath, wanted_by):
            yield folder / name
        yield from self._cache.get(name, ())
        multiarch = _MULTIARCH[self._arch]
        for default in (*(f"{place}/{multiarch}" for place in ("/lib", "/usr/lib")), *_DEFAULT):
            yield Path(default, name)


def expand(folders: Iterable[str], file: Path) -> list[Path]:
    """Return the directories of an RPATH or RUNPATH of `file`, `$ORIGIN` expanded."""
    origin = str(file.parent)
    return [Path(folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)) for folder in folders]


def _ldconfig() -> dict[str, list[Path]]:
    # It is in sbin, which is not on every user's PATH; musl has none.
    path = os.environ.get("PATH", "") + ":/sbin:/usr/sbin"
    program = shutil.which("ldconfig", path=path)
    found: dict[str, list[Path]] = {}
    if program is None:
        return found
    listing = subprocess.run([program, "-p"], capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        if match := _CACHE_LINE.match(line):
            found.setdefault(match[1], []).append(Path(match[2]))
    return found


def close(files: Iterable[Path], present: Iterable[Path], into: Path, finder: Finder) -> tuple[str, ...]:
    """Copy every library that `files` need, directly or not, into a directory.

    `present` are libraries that need no copy: files are told apart by name, as the loader does.
    Returns the names that were not found anywhere, sorted.
    """
    known = {path.name for path in present}
    missing: set[str] = set()
    open_ends = list(files)
    into.mkdir(parents=True, exist_ok=True)
    while open_ends:
        file = open_ends.pop()
        facts = elf.read(file)
        if facts is None:
            continue
        for name in facts.needed:
            base = name.rpartition("/")[2]
            if base in known:
                continue
            known.add(base)
            source = finder.find(name, file, facts)
            if source is None:
                missing.add(base)
                continue
            shutil.copyfile(source, into / base)
            (into / base).chmod(0o755)
            # Followed where it lies: its own RUNPATH speaks of that place.
            open_ends.append(source)
    return tuple(sorted(missing))
