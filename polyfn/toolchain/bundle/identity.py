"""What tells one interpreter from another, so that a bundle made from it need not be made twice."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain.bundle import archive, digests, host, libraries, managed, prune
from polyfn.toolchain.bundle.find import default_python, host_arch, minor
from polyfn.toolchain.provider import Arch


@dataclass(frozen=True)
class Identity:
    """An interpreter, before it goes into a bundle.

    `version` is `3.x.y`, or `3.x` where the platform has its own. `digest` stands for its content,
    None where nothing can; `program` is its executable, None where it stays where it is.
    """

    version: str
    digest: str | None
    program: Path | None = None

    @property
    def python(self) -> str:
        """The minor version."""
        return minor(self.version)


def interpreter(source: str, *, arch: Arch, python: str | None, cache: Path) -> Identity:
    """Tell which interpreter a source gives. Raises InterpreterError where there is none."""
    if source == "linked":
        return Identity(python or default_python(), None)
    if source == "platform":
        return Identity(minor(python or default_python()), "platform")
    if source == "host":
        return _host(python)
    called = archive.name(source.partition("#")[0])
    folder = managed.fetch(arch, python, cache) if source == "managed" else archive.fetch(source, cache)
    tree = archive.find(folder, arch, python, called)
    # An archive's folder is named by its digest; that of a managed build only by its version.
    content = digests.file(tree.program) if source == "managed" else called
    return Identity(tree.version, digests.key(folder=folder.name, content=content), tree.program)


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
    return Identity(facts.version, digest, facts.executable)


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
