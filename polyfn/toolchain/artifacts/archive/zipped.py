"""A zip file, read from a memory map: thousands of small entries are what takes the time.

Facts of the format: APPNOTE.TXT of PKWARE, 4.3.7 (local header), 4.4.2 (made by: 0 is MS-DOS, 3 is
Unix, 19 is macOS), 4.4.4 (flags: bit 0 is encryption), 4.4.5 (compression: 0 stored, 8 deflated).
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from polyfn.toolchain.artifacts.archive.entry import KINDS, DamagedError, Entry, Kind, plain

_UNIX = (3, 19)
_LINK_LIMIT = 4096
_CHUNK = 1 << 20
#: What an entry takes besides its data, in bytes (APPNOTE.TXT, 4.3.7, 4.3.9, 4.3.12): a local header and one
#: in the directory, each with the name; a descriptor if flag 3 is set.
_HEADERS = 30 + 46
_DESCRIPTOR = 16


class Zip:
    """An opened zip file."""

    identity: str | None = None
    below: Sequence[Entry] | None = None

    def __init__(self, path: Path) -> None:
        self.packed: int | None = path.stat().st_size
        self._file = path.open("rb")
        try:
            with zipfile.ZipFile(self._file) as opened:
                infos = opened.infolist()
            self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except BaseException:
            self._file.close()
            raise
        self.entries = [self._entry(info) for info in infos]

    def head(self, entry: Entry, size: int) -> bytes:
        """Return the first bytes of a file."""
        start, packed, method, _ = self._place(entry)
        if method == zipfile.ZIP_STORED:
            return self._bytes[start : start + min(size, packed)]
        # A deflated block may begin with a long table of codes.
        return _inflated(self._bytes[start : start + min(packed, 1024)], size)

    def read(self, entry: Entry, limit: int) -> bytes:
        """Return a file's content, whose checksum is looked at if it is all of it."""
        start, packed, method, checksum = self._place(entry)
        data = self._bytes[start : start + packed]
        if method != zipfile.ZIP_STORED:
            data = _inflated(data, min(limit, entry.size + 1))
        elif len(data) > limit:
            data = data[:limit]
        if len(data) < limit and (len(data) != entry.size or zlib.crc32(data) != checksum):
            raise DamagedError("its content is not what its size and checksum say")
        return data

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Give a file's content in pieces, whose checksum is looked at."""
        start, packed, method, checksum = self._place(entry)
        unpacker = zlib.decompressobj(-15) if method != zipfile.ZIP_STORED else None
        seen = size = 0
        for place in range(start, start + packed, _CHUNK):
            data = self._bytes[place : min(place + _CHUNK, start + packed)]
            for piece in _pieces(unpacker, data) if unpacker is not None else [data]:
                seen, size = zlib.crc32(piece, seen), size + len(piece)
                yield piece
        if (size, seen) != (entry.size, checksum):
            raise DamagedError("its content is not what its size and checksum say")

    def close(self) -> None:
        """Let go of the file."""
        self._bytes.close()
        self._file.close()

    def _entry(self, info: zipfile.ZipInfo) -> Entry:
        mode = info.external_attr >> 16 if info.create_system in _UNIX else None
        obstacle = None
        if info.flag_bits & 1:
            obstacle = "PV116"
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            obstacle = "PV117"
        # orig_filename: infolist() cuts names at a NUL and turns the separators of the host.
        entry = Entry(
            name=plain(info.orig_filename),
            kind=_kind(info, mode),
            size=info.file_size,
            # Writers that know no modes leave them zero.
            mode=None if not mode else stat.S_IMODE(mode),
            obstacle=obstacle,
            packed=info.compress_size + _overhead(info),
            handle=info,
        )
        return self._link(entry) if entry.kind == "link" and obstacle is None else entry

    def _link(self, entry: Entry) -> Entry:
        try:
            target = os.fsdecode(self.read(entry, _LINK_LIMIT))
        except DamagedError:
            target = ""
        return replace(entry, target=target)

    def _place(self, entry: Entry) -> tuple[int, int, int, int]:
        info: zipfile.ZipInfo = entry.handle
        header = self._bytes[max(info.header_offset, 0) : max(info.header_offset, 0) + 30]
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise DamagedError("there is no entry where the directory of the archive says")
        name, extra = struct.unpack_from("<HH", header, 26)
        return info.header_offset + 30 + name + extra, info.compress_size, info.compress_type, info.CRC


def _kind(info: zipfile.ZipInfo, mode: int | None) -> Kind:
    if info.orig_filename.endswith("/"):
        return "folder"
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return KINDS.get(stat.S_IFMT(mode), "other")
    return "file"


def _overhead(info: zipfile.ZipInfo) -> int:
    descriptor = _DESCRIPTOR if info.flag_bits & 0x08 else 0
    return _HEADERS + 2 * len(info.filename.encode()) + 2 * len(info.extra) + len(info.comment) + descriptor


def _pieces(unpacker: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    try:
        while data:
            yield unpacker.decompress(data, _CHUNK)
            data = unpacker.unconsumed_tail
    except zlib.error as error:
        raise DamagedError(f"it cannot be unpacked: {error}") from None


def _inflated(data: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj(-15).decompress(data, limit)
    except zlib.error as error:
        raise DamagedError(f"it cannot be unpacked: {error}") from None
