"""What stands for the content of this machine's interpreter.

Its library is some two thousand files. A build that follows another does not read them again: the
size, inode and times of each tell that it is the same, of which the time of change (st_ctime) cannot
be set. Only what was read names an entry of the cache, so another machine comes to the same digest.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from polyfn.toolchain.bundle import digests, host, libraries, prune
from polyfn.toolchain.bundle.find import host_arch
from polyfn.toolchain.bundle.store import Store

#: Path, size, inode, time of modification and of change, in nanoseconds.
Told = tuple[str, int, int, int, int]
#: Nanoseconds for which a changed file may change again without another time.
_SETTLED = 2 * 10**9


def digest(facts: host.Facts, store: Store) -> str:
    """Return what names a bundle's copy of the interpreter, before it is copied."""
    return digests.key(
        content=_content(facts, store), version=facts.version, libraries=_libraries(facts.executable),
        strip=shutil.which("strip"),
    )  # fmt: skip


def _content(facts: host.Facts, store: Store) -> str:
    files = list(_files(facts))
    told = [_told(path) for _, path in files]
    key = digests.key(told=told)
    notes = store.notes("hosts", key)
    if notes is None:
        content = digests.key(files=[(name, digests.file(path)) for name, path in files])
        notes = {"content": content}
        if time.time_ns() - max(change for *_, change in told) > _SETTLED:
            store.put("hosts", key, None, notes)
    return str(notes["content"])


def _files(facts: host.Facts) -> Iterator[tuple[str, Path]]:
    """Every file that may be copied, by its name in the bundle's prefix."""
    yield "program", facts.executable
    prefix = f"lib/python{facts.python}"
    yield from _kept(facts.stdlib, prefix, facts.python)
    if facts.dynload is not None and facts.dynload.parent != facts.stdlib:
        yield from _kept(facts.dynload, f"{prefix}/lib-dynload", facts.python)


def _kept(folder: Path, prefix: str, python: str) -> Iterator[tuple[str, Path]]:
    # Whole folders that never travel are passed over; a single file of that kind does no harm here.
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = f"{prefix}/{entry.name}"
        if entry.is_file():
            yield name, Path(entry.path)
        elif entry.is_dir(follow_symlinks=False) and not prune.pruned(name, prune.ALWAYS, python):
            yield from _kept(Path(entry.path), name, python)


def _libraries(executable: Path) -> list[Told]:
    """The shared libraries that the loader may find. Hundreds of megabytes: they are never read."""
    found = {path for paths in libraries.Finder(host_arch())._cache.values() for path in paths}  # noqa: SLF001
    found |= set((executable.parent.parent / "lib").glob("*.so*"))
    return [_told(path) for path in sorted(found) if path.exists()]


def _told(path: Path) -> Told:
    told = path.stat()
    return str(path), told.st_size, told.st_ino, told.st_mtime_ns, told.st_ctime_ns
