"""The files of an artifact, without unpacking it: a zip, a tar or a directory."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from polyfn.toolchain.errors import ArtifactError

#: What a zip file needs besides the data, in bytes (APPNOTE.TXT, sections 4.3.7, 4.3.9, 4.3.12): for each
#: entry a local header and one in the directory, each with the name; a descriptor if flag 3 is set.
_HEADERS = 30 + 46
_DESCRIPTOR = 16
#: No note in a distribution is larger; a file that claims to be is not read whole.
_TEXT_LIMIT = 16 << 20


@dataclass(frozen=True)
class Entry:
    """One file or symbolic link. `packed` is what it takes in the archive, None if that has no answer."""

    name: str
    size: int
    packed: int | None


@dataclass(frozen=True)
class Contents:
    """An opened artifact."""

    entries: tuple[Entry, ...]
    #: Opens a file by name for reading; of a symbolic link, its target as text.
    open: Callable[[str], IO[bytes]]

    @property
    def names(self) -> frozenset[str]:
        """The names of all files."""
        return frozenset(entry.name for entry in self.entries)

    def read(self, name: str) -> bytes:
        """Return the content of a small file."""
        with self.open(name) as file:
            return file.read(_TEXT_LIMIT)

    def text(self, name: str) -> str:
        """Return the content of a small text file."""
        return self.read(name).decode("utf-8", "replace")


@contextmanager
def contents(path: Path) -> Iterator[Contents]:
    """Open an artifact. Raises ArtifactError for what is none, or is damaged."""
    try:
        if path.is_dir():
            yield _directory(path)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _zipped(archive)
        else:
            with tarfile.open(path) as archive_:
                yield _tarred(archive_)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        raise ArtifactError(
            f"{path} cannot be read: {error}",
            hint="give the path that polyfn package printed; if it is that, package the source again",
        ) from None
    except FileNotFoundError:
        raise ArtifactError(
            f"{path} does not exist", hint="give the path that polyfn package printed"
        ) from None


def _zipped(archive: zipfile.ZipFile) -> Contents:
    entries = tuple(
        Entry(info.filename, info.file_size, info.compress_size + _overhead(info))
        for info in archive.infolist()
        if not info.is_dir()
    )
    return Contents(entries, archive.open)


def _overhead(info: zipfile.ZipInfo) -> int:
    descriptor = _DESCRIPTOR if info.flag_bits & 0x08 else 0
    return _HEADERS + 2 * len(info.filename.encode()) + 2 * len(info.extra) + len(info.comment) + descriptor


def _tarred(archive: tarfile.TarFile) -> Contents:
    members = {member.name.removeprefix("./"): member for member in archive if not member.isdir()}

    def opened(name: str) -> IO[bytes]:
        member = members[name]
        if member.issym():
            return BytesIO(os.fsencode(member.linkname))
        return archive.extractfile(member) or BytesIO()

    return Contents(tuple(Entry(name, member.size, None) for name, member in members.items()), opened)


def _directory(root: Path) -> Contents:
    names = []
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        names += [Path(folder, name).relative_to(root).as_posix() for name in (*files, *links)]

    def opened(name: str) -> IO[bytes]:
        path = root / name
        return BytesIO(os.fsencode(path.readlink())) if path.is_symlink() else path.open("rb")

    found = ((name, (root / name).lstat()) for name in sorted(names))
    regular = (stat.S_IFREG, stat.S_IFLNK)
    entries = (Entry(n, facts.st_size, None) for n, facts in found if stat.S_IFMT(facts.st_mode) in regular)
    return Contents(tuple(entries), opened)
