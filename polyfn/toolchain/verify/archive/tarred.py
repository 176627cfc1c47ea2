"""A tar file, also a compressed one, which is unpacked once so that any entry can be read at once."""

from __future__ import annotations

import stat
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from polyfn.toolchain.verify.archive.entry import DamagedError, Entry, Kind, plain

_IN_MEMORY = 64 << 20
#: A few bytes may unpack to any number.
UNPACKED_LIMIT = 4 << 30


class Tar:
    """An opened tar file."""

    def __init__(self, path: Path) -> None:
        self.packed: int | None = path.stat().st_size
        self._file = _uncompressed(path)
        try:
            self._tar = tarfile.open(fileobj=self._file)  # noqa: SIM115  closed in close()
            self.entries = [
                _entry(member)
                for member in self._tar.getmembers()
                if plain(member.name) or not member.isdir()
            ]
        except BaseException:
            self._file.close()
            raise

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
        size=member.size,
        mode=stat.S_IMODE(member.mode),
        target=member.linkname if member.issym() else "",
        modified=int(member.mtime),
        handle=member,
    )


def _uncompressed(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:2] == b"\x1f\x8b":
        import gzip

        opened: IO[bytes] = gzip.open(path)  # type: ignore[assignment]  # noqa: SIM115
    elif magic[:3] == b"BZh":
        import bz2

        opened = bz2.open(path)  # noqa: SIM115
    elif magic == b"\xfd7zXZ\x00":
        import lzma

        opened = lzma.open(path)  # noqa: SIM115
    else:
        return path.open("rb")
    unpacked = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  the caller closes it
    try:
        with opened:
            _copy(opened, unpacked)
    except BaseException:
        unpacked.close()
        raise
    return unpacked


def _copy(source: IO[bytes], sink: tempfile.SpooledTemporaryFile[bytes]) -> None:
    while chunk := source.read(1 << 20):
        sink.write(chunk)
        if sink.tell() > UNPACKED_LIMIT:
            raise tarfile.ReadError(f"unpacked it has more than {UNPACKED_LIMIT:,} bytes")
    sink.seek(0)
