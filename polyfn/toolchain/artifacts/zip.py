"""Zip files: written the same bit for bit from the same tree, and unpacked without trust.

Facts of the format: APPNOTE.TXT of PKWARE, sections 4.4.2 (made by: 3 is Unix) and 4.4.15 (external
attributes: on Unix the mode is in the high 16 bits).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain.artifacts.paths import inside, unsafe
from polyfn.toolchain.errors import ArtifactError

_UNIX = 3
_LEVEL = 6
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


def write_zip(tree: Path, out: Path, *, epoch: int) -> Zipped:
    """Write a directory tree as a zip file: sorted, every time `epoch`, modes 0755 or 0644.

    The same tree gives the same bytes, whoever's files they are. A symbolic link is kept as one if it
    stays inside the tree. Empty directories are left out. Raises ArtifactError for a link that leaves
    the tree and for what is neither file nor link.
    """
    moment = time.gmtime(min(max(epoch, _EARLIEST), _LATEST))[:6]
    unpacked = files = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    # A name of this process alone: two that make the same file do not write into each other's.
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            for name, path in _walk(tree):
                unpacked += _add(archive, name, path, moment)
                files += 1
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Zipped(digest, out.stat().st_size, unpacked, files)


def _walk(tree: Path) -> Iterator[tuple[str, Path]]:
    names = []
    for folder, folders, files in os.walk(tree):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        names += [Path(folder, name).relative_to(tree).as_posix() for name in (*files, *links)]
    for name in sorted(names, key=os.fsencode):
        yield name, tree / name


def _add(archive: zipfile.ZipFile, name: str, path: Path, moment: tuple[int, int, int, int, int, int]) -> int:
    entry = zipfile.ZipInfo(name, moment)
    entry.create_system = _UNIX
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target = path.readlink()
        if not inside(name, str(target)):
            raise ArtifactError(
                f"{name} is a symbolic link to {target}, outside of what is packaged",
                hint="replace it by a copy, or leave it out of the project",
            )
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, os.fsencode(target))
        return len(os.fsencode(target))
    if not stat.S_ISREG(mode):
        raise ArtifactError(
            f"{name} is neither a file nor a symbolic link", hint="leave it out of the project"
        )
    entry.external_attr = (stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined]  # noqa: SLF001  # public only since 3.13
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as sink:
        while chunk := source.read(_CHUNK):
            sink.write(chunk)
    return entry.file_size


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
