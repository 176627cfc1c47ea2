"""Compressed files as plain ones, of which any place can be read. A few bytes may unpack to any number."""

from __future__ import annotations

import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_IN_MEMORY = 64 << 20
_CHUNK = 1 << 20
#: Bytes that a file may unpack to.
LIMIT = 4 << 30


def uncompressed(path: Path) -> IO[bytes]:
    """Open a file; what is compressed by gzip, bzip2 or xz is unpacked first, into a file without a name.

    Raises what the readers of these formats raise, and tarfile.ReadError for more than `LIMIT` bytes.
    """
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:2] == b"\x1f\x8b":
        with path.open("rb") as packed:
            return spooled(gunzipped(packed))
    if magic[:3] == b"BZh":
        import bz2

        with bz2.open(path) as opened:
            return spooled(_chunks(opened))
    if magic == b"\xfd7zXZ\x00":
        import lzma

        with lzma.open(path) as opened_:
            return spooled(_chunks(opened_))
    return path.open("rb")


def spooled(chunks: Iterator[bytes]) -> IO[bytes]:
    """Return all chunks as one file, at its start. Raises tarfile.ReadError for more than `LIMIT` bytes."""
    unpacked = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  the caller closes it
    try:
        for chunk in chunks:
            unpacked.write(chunk)
            _refuse_over(LIMIT, unpacked.tell())
        unpacked.seek(0)
    except BaseException:
        unpacked.close()
        raise
    return unpacked


def _refuse_over(limit: int, size: int) -> None:
    if size > limit:
        raise tarfile.ReadError(f"unpacked it has more than {limit:,} bytes")


def gunzipped(file: IO[bytes]) -> Iterator[bytes]:
    """Unpack gzip, member after member. Raises tarfile.ReadError.

    Python's own reader takes twice as long, as it looks at small parts.
    """
    unpacker, data = zlib.decompressobj(31), b""
    try:
        while data or (data := file.read(_CHUNK)):
            if unpacker.eof:
                unpacker = zlib.decompressobj(31)
            yield unpacker.decompress(data, _CHUNK)
            data = unpacker.unconsumed_tail or unpacker.unused_data
            if unpacker.eof and not data.strip(b"\0"):
                data = b""  # padding
    except zlib.error as error:
        raise tarfile.ReadError(f"it cannot be unpacked: {error}") from None
    if not unpacker.eof:
        raise tarfile.ReadError("it ends too early")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
