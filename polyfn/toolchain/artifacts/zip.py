"""Zip files: written the same bit for bit from the same tree, and unpacked without trust.

Facts of the format: APPNOTE.TXT of PKWARE, sections 4.4.2 (made by: 3 is Unix) and 4.4.15 (external
attributes: on Unix the mode is in the high 16 bits).
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from polyfn.toolchain import progress
from polyfn.toolchain.artifacts.deflated import deflated
from polyfn.toolchain.artifacts.paths import inside, unsafe
from polyfn.toolchain.errors import ArtifactError

_UNIX = 3
_DEFLATED = 8
_UTF8 = 0x800
_FURTHEST = 0xFFFFFFFE
_MOST = 0xFFFE
#: The format counts from 1980 in steps of two seconds, to 2107.
_EARLIEST = 315532800
_LATEST = 4354819198
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Zipped:
    """What was written: sizes in bytes, `files` without directories."""

    sha256: str
    size: int
    unpacked_size: int
    files: int


def write_zip(tree: Path, out: Path, *, epoch: int, kept: Path | None = None) -> Zipped:
    """Write a directory tree as a zip file: sorted, every time `epoch`, modes 0755 or 0644.

    The same tree gives the same bytes, whoever's files they are. A symbolic link is kept as one if it
    stays inside the tree. Empty directories are left out. `kept` is a directory in which the
    compressed form of big files is kept for the next time. Raises ArtifactError for a link that
    leaves the tree, for what is neither file nor link, and for more than the format can hold.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    # A name of this process alone: two that make the same file do not write into each other's.
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            writer = _Writer(file, time.gmtime(min(max(epoch, _EARLIEST), _LATEST))[:6])
            _add(writer, list(_walk(tree)), kept)
            writer.finish()
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Zipped(digest, out.stat().st_size, writer.unpacked, writer.files)


def _add(writer: _Writer, entries: list[tuple[str, Path]], kept: Path | None) -> None:
    total = sum(path.lstat().st_size for _, path in entries)
    with progress.step("compressing", total=total) as step:
        for name, path in entries:
            mode, data = _content(name, path)
            writer.add(name, mode, data, kept)
            step.advance(len(data))


class _Writer:
    """The format itself. zipfile compresses with the zlib of whoever runs it (artifacts/deflated.py)."""

    def __init__(self, file: BinaryIO, moment: tuple[int, ...]) -> None:
        year, month, day, hour, minute, second = moment
        self._file = file
        self._moment = (hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day)
        self._directory: list[bytes] = []
        self.unpacked = self.files = 0

    def add(self, name: str, mode: int, data: bytes, kept: Path | None) -> None:
        """Add a file or, told by its mode, a link, whose data is what it points to."""
        packed = deflated(data, kept) if stat.S_ISREG(mode) else data
        method = _DEFLATED if len(packed) < len(data) else 0
        body = packed if method else data
        called = name.encode("utf-8", "surrogateescape")
        flags = 0 if called.isascii() else _UTF8
        what = (20, flags, method, *self._moment, zlib.crc32(data), len(body), len(data), len(called))
        offset = self._file.tell()
        if offset + len(body) > _FURTHEST or len(self._directory) > _MOST:
            raise ArtifactError(
                "the artifact is too big for a zip file (4 GiB, 65,535 files)",
                hint="leave out what the function does not need",
            )
        self._file.write(struct.pack("<4s5H3I2H", b"PK\3\4", *what, 0) + called + body)
        entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", _UNIX << 8 | 20, *what, 0, 0, 0, 0, mode << 16, offset)
        self._directory.append(entry + called)
        self.unpacked += len(data)
        self.files += 1

    def finish(self) -> None:
        """Write the directory, which comes last."""
        start, directory = self._file.tell(), b"".join(self._directory)
        count = len(self._directory)
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), start, 0)
        self._file.write(directory + end)


def _walk(tree: Path) -> Iterator[tuple[str, Path]]:
    names = []
    for folder, folders, files in os.walk(tree):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        names += [Path(folder, name).relative_to(tree).as_posix() for name in (*files, *links)]
    for name in sorted(names, key=os.fsencode):
        yield name, tree / name


def _content(name: str, path: Path) -> tuple[int, bytes]:
    """Return mode and data of an entry."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target = path.readlink()
        if not inside(name, str(target)):
            raise ArtifactError(
                f"{name} is a symbolic link to {target}, outside of what is packaged",
                hint="replace it by a copy, or leave it out of the project",
            )
        return stat.S_IFLNK | 0o777, os.fsencode(target)
    if not stat.S_ISREG(mode):
        raise ArtifactError(
            f"{name} is neither a file nor a symbolic link", hint="leave it out of the project"
        )
    return stat.S_IFREG | (0o755 if mode & 0o100 else 0o644), path.read_bytes()


def unpack(archive: Path, target: Path) -> None:
    """Unpack a zip file into a directory, with its modes and symbolic links.

    Raises ArtifactError if it is no zip file, or if a name or link in it would leave the directory.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            _unpack(opened, archive.name, target)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise ArtifactError(
            f"{archive.name} cannot be unpacked: {error}",
            hint="give an artifact that polyfn package made; if it is one, it was damaged: make it again",
        ) from error


def _unpack(opened: zipfile.ZipFile, called: str, target: Path) -> None:
    entries = opened.infolist()
    links = {
        entry.filename: os.fsdecode(opened.read(entry))
        for entry in entries
        if stat.S_ISLNK(entry.external_attr >> 16)
    }
    if (name := unsafe([entry.filename for entry in entries], links)) is not None:
        raise ArtifactError(
            f"{called} has an entry that is not safe to unpack, {name!r}",
            hint="polyfn package writes no such entries: do not trust this file",
        )
    target.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        if entry.filename not in links:
            _extract(opened, entry, target / entry.filename)
    for name, to in links.items():
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(to)


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path) -> None:
    if entry.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, place.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            sink.write(chunk)
    mode = entry.external_attr >> 16 if entry.create_system == _UNIX else 0
    place.chmod(0o755 if mode & 0o100 else 0o644)
