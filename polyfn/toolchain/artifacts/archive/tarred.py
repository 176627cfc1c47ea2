"""A tar file, also a compressed one, which is unpacked once so that any entry can be read at once."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from polyfn.toolchain.artifacts.archive.entry import DamagedError, Entry, Kind, plain
from polyfn.toolchain.artifacts.oci import names
from polyfn.toolchain.artifacts.unpacking import uncompressed


class Tar:
    """An opened tar file."""

    identity: str | None = None
    below: Sequence[Entry] | None = None

    def __init__(self, path: Path) -> None:
        self.packed: int | None = path.stat().st_size
        self._file = uncompressed(path)
        try:
            self._tar = tarfile.open(fileobj=self._file, mode="r:")  # noqa: SIM115  closed in close()
            self.entries = [
                _entry(member)
                for member in self._tar.getmembers()
                if plain(member.name) or not member.isdir()
            ]
        except BaseException:
            self._file.close()
            raise

    def is_image(self) -> bool:
        """Whether it has images in it."""
        files = {entry.name: entry for entry in self.entries if entry.kind == "file"}

        def read(name: str) -> bytes:
            return self.read(files[name], 1 << 20)

        try:
            return names.is_archive(files, read)
        except DamagedError:
            return False

    def head(self, entry: Entry, size: int) -> bytes:
        """Return the first bytes of a file."""
        return self.read(entry, size)

    def read(self, entry: Entry, limit: int) -> bytes:
        """Return a file's content."""
        try:
            with self._tar.extractfile(entry.handle) or _none() as content:
                data: bytes = content.read(limit)
        except Exception as error:  # noqa: BLE001  tarfile believes a header: damage surfaces as any error
            raise DamagedError(f"it cannot be read: {error}") from None
        if len(data) < min(limit, entry.size):
            raise DamagedError("it is shorter than it should be")
        return data

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Give a file's content in pieces."""
        try:
            with self._tar.extractfile(entry.handle) or _none() as content:
                while data := content.read(1 << 20):
                    yield data
        except Exception as error:  # noqa: BLE001  as in read
            raise DamagedError(f"it cannot be read: {error}") from None

    def close(self) -> None:
        """Let go of the file."""
        self._tar.close()
        self._file.close()


def _none() -> IO[bytes]:
    raise DamagedError("it has no content")


def _entry(member: tarfile.TarInfo) -> Entry:
    kind: Kind = "other"
    if member.isreg() or member.islnk():
        kind = "file"
    elif member.isdir():
        kind = "folder"
    elif member.issym():
        kind = "link"
    return Entry(
        name=plain(member.name),
        kind=kind,
        size=len(os.fsencode(member.linkname)) if member.issym() else member.size,
        mode=stat.S_IMODE(member.mode),
        target=member.linkname if member.issym() else "",
        modified=int(member.mtime),
        handle=member,
    )
