"""The files of an artifact by their names, without unpacking it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from polyfn.toolchain.artifacts.archive import Archive, DamagedError, Entry, opened
from polyfn.toolchain.errors import ArtifactError

#: No note in a distribution is larger; a file that claims to be is not read whole.
_TEXT_LIMIT = 16 << 20


class Contents:
    """An opened artifact: its files and symbolic links."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        #: Digest of an image's manifest, None for what is no image.
        self.identity = archive.identity
        self.entries = tuple(entry for entry in archive.entries if entry.kind in ("file", "link"))

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all files."""
        return frozenset(self._named)

    @cached_property
    def _named(self) -> dict[str, Entry]:
        return {entry.name: entry for entry in self.entries}

    def chunks(self, name: str) -> Iterator[bytes]:
        """Give the content of a file in pieces; of a symbolic link, its target as text."""
        entry = self._named[name]
        return iter([os.fsencode(entry.target)]) if entry.kind == "link" else self._archive.chunks(entry)

    def read(self, name: str) -> bytes:
        """Return the content of a small file."""
        entry = self._named[name]
        return os.fsencode(entry.target) if entry.kind == "link" else self._archive.read(entry, _TEXT_LIMIT)

    def text(self, name: str) -> str:
        """Return the content of a small text file."""
        return self.read(name).decode("utf-8", "replace")


@contextmanager
def contents(path: Path) -> Iterator[Contents]:
    """Open an artifact. Raises ArtifactError for what is none, or is damaged."""
    try:
        with opened(path) as archive:
            yield Contents(archive)
    except DamagedError as error:
        raise ArtifactError(
            f"{path} cannot be read: {error}",
            hint="give the path that polyfn package printed; if it is that, package the source again",
        ) from None
