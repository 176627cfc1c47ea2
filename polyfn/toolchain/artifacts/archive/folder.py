"""A directory, as it lies there. Links are not followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from polyfn.toolchain.artifacts.archive.entry import KINDS, DamagedError, Entry


class Folder:
    """A directory tree."""

    packed: int | None = None
    identity: str | None = None
    below: Sequence[Entry] | None = None

    def __init__(self, path: Path) -> None:
        self._root = path
        self.entries = list(self._walk())

    def head(self, entry: Entry, size: int) -> bytes:
        """Return the first bytes of a file."""
        return self.read(entry, size)

    def read(self, entry: Entry, limit: int) -> bytes:
        """Return a file's content."""
        try:
            with Path(entry.handle).open("rb") as file:
                return file.read(limit)
        except OSError as error:
            raise DamagedError(f"it cannot be read: {error.strerror}") from None

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Give a file's content in pieces."""
        try:
            with Path(entry.handle).open("rb") as file:
                while data := file.read(1 << 20):
                    yield data
        except OSError as error:
            raise DamagedError(f"it cannot be read: {error.strerror}") from None

    def close(self) -> None:
        """Nothing is open."""

    def _walk(self) -> Iterator[Entry]:
        for place, folders, files in os.walk(self._root):
            folders.sort()
            for name in sorted((*folders, *files)):
                path = Path(place, name)
                yield _entry(path, path.relative_to(self._root).as_posix())


def _entry(path: Path, name: str) -> Entry:
    facts = path.lstat()
    kind = KINDS.get(stat.S_IFMT(facts.st_mode), "other")
    return Entry(
        name=name,
        kind=kind,
        size=facts.st_size if kind in ("file", "link") else 0,
        mode=stat.S_IMODE(facts.st_mode),
        target=str(path.readlink()) if kind == "link" else "",
        modified=int(facts.st_mtime),
        handle=path,
    )
