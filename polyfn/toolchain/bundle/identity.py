"""What tells one interpreter from another, so that a bundle made from it need not be made twice."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle import archive, builders, digests, host, libraries, managed, prune
from polyfn.toolchain.bundle import interpreter as interpreters
from polyfn.toolchain.bundle.find import default_python, host_arch
from polyfn.toolchain.provider import Arch

Log = Callable[[str], None]

#: Seconds for which it is remembered that uv could not fetch an interpreter: trying costs seconds.
MEMORY = 600


def choose(
    source: str | None, *, arch: Arch, python: str | None, cache: Path, refresh: bool, log: Log
) -> str:
    """Return the source to install from, as `interpreter.choose`, which is not asked twice in vain."""
    if source is not None or arch != host_arch():
        return interpreters.choose(source, arch=arch, python=python, cache=cache, log=log)
    about = {
        name: value for name, value in os.environ.items() if name.startswith("UV_") or "proxy" in name.lower()
    }
    note = cache / "unavailable" / digests.key(arch=arch, python=python or default_python(), about=about)
    try:
        if not refresh and time.time() - note.stat().st_mtime < MEMORY:
            log(note.read_text(encoding="utf-8"))
            return "host"
    except OSError:
        pass
    said: list[str] = []
    chosen = interpreters.choose(source, arch=arch, python=python, cache=cache, log=said.append)
    for line in said:
        log(line)
    if chosen == "host" and said:
        _remember(note, said[-1])
    return chosen


def _remember(note: Path, line: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        part = note.with_name(f"{note.name}.{os.getpid()}")
        part.write_text(line, encoding="utf-8")
        part.replace(note)
    except OSError:
        pass


@dataclass(frozen=True)
class Identity:
    """An interpreter's minor version, and a digest that stands for its content; None where nothing can."""

    python: str
    digest: str | None


def interpreter(source: str, *, arch: Arch, python: str | None, cache: Path) -> Identity:
    """Tell which interpreter a source gives. Raises InterpreterError where there is none."""
    if source == "linked":
        return Identity(pythons.minor(python or default_python()), None)
    if source == "platform":
        return Identity(pythons.minor(python or default_python()), "platform")
    if source == "host":
        return _host(python)
    called = archive.name(source.partition("#")[0])
    folder = managed.fetch(arch, python, cache) if source == "managed" else archive.fetch(source, cache)
    tree = archive.find(folder, arch, python, called)
    # An archive's folder is named by its digest; that of a managed build only by its version.
    content = digests.file(tree.program) if source == "managed" else called
    return Identity(tree.python, digests.key(folder=folder.name, content=content))


def compiler(python: str) -> str:
    """Return what stands for the Python on this machine that would compile for a version, or none."""
    found = builders.compiler(python)
    return "none" if found is None else version(found)


@functools.cache
def version(executable: str) -> str:
    """Return what an installed Python says of its version and build."""
    code = "import sys; print(sys.version, sys.implementation.cache_tag)"
    answer = subprocess.run([executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    return answer.stdout


def _host(python: str | None) -> Identity:
    facts = host.probe(python)
    prefix = f"lib/python{facts.python}"
    library = [(name, digests.file(path)) for name, path in _kept(facts.stdlib, prefix, facts.python)]
    digest = digests.key(
        program=digests.file(facts.executable), version=facts.version, library=library,
        dynload=digests.tree(outer) if (outer := facts.dynload) and outer.parent != facts.stdlib else None,
        libraries=_libraries(facts.executable), strip=shutil.which("strip"),
    )  # fmt: skip
    return Identity(facts.python, digest)


def _kept(folder: Path, prefix: str, python: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        name = f"{prefix}/{path.name}"
        if prune.pruned(name, prune.ALWAYS, python):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _kept(path, name, python)
        elif path.is_file():
            yield name, path


def _libraries(executable: Path) -> list[tuple[str, int, int, int, int]]:
    """The shared libraries that this machine's loader may find, by their inodes.

    Hundreds of megabytes, so they are not read: a library that is replaced is another inode with
    another change time, whatever its modification time says.
    """
    found = {path for paths in libraries.Finder(host_arch())._cache.values() for path in paths}  # noqa: SLF001
    found |= set((executable.parent.parent / "lib").glob("*.so*"))
    seen = []
    for path in sorted(found):
        try:
            told = path.stat()
        except OSError:
            continue
        seen.append((str(path), told.st_size, told.st_ino, told.st_mtime_ns, told.st_ctime_ns))
    return seen
