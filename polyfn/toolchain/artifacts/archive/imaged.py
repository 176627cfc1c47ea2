"""An image: what its layers come to. Where it holds a bundle, the bundle's folder is its root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from polyfn.toolchain.artifacts.archive.entry import Entry
from polyfn.toolchain.artifacts.oci import blobs
from polyfn.toolchain.artifacts.oci.reading import MARK, Tree


class Image:
    """An opened image, of an architecture if one is named.

    The files of a base image are not among its entries where it holds a bundle: they are not the bundle's.
    """

    def __init__(self, path: Path, arch: str | None = None) -> None:
        self.packed: int | None = path.stat().st_size if path.is_file() else None
        with ExitStack() as stack:
            source = stack.enter_context(blobs.opened(path))
            self._tree = Tree(source, blobs.chosen(source, arch))
            stack.callback(self._tree.close)
            self.identity: str | None = self._tree.digest.partition(":")[2]
            place = self._tree.place(MARK) or ()
            self.entries = [*self._tree.entries(place), *self._tree.odd]
            bundle = "/".join((*place, ""))
            below = (one for one in self._tree.entries() if place and not one.name.startswith(bundle))
            self.below: Sequence[Entry] | None = tuple(below)
            self._stack = stack.pop_all()

    def head(self, entry: Entry, size: int) -> bytes:
        """Return the first bytes of a file."""
        return self.read(entry, size)

    def read(self, entry: Entry, limit: int) -> bytes:
        """Return a file's content."""
        return b"".join(self._tree.chunks(entry, limit))

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Give a file's content in pieces."""
        return self._tree.chunks(entry)

    def close(self) -> None:
        """Let go of the files."""
        self._stack.close()
