"""Layers: tar files, compressed, the same bit for bit from the same files.

Entries are sorted and every parent is one; uid and gid are 0, owners have no names, the time is the epoch and
the mode 0755 or 0644. Headers are ustar, with a pax header where ustar has no room (POSIX.1-2001).

A layer is compressed in pieces, each a gzip member of its own (RFC 1952, 2.2: members follow each other).
So no more than a few pieces are in memory, they are compressed at once, and what was compressed before is
taken from where it is kept.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import tarfile
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from polyfn.toolchain.artifacts.deflated import BIG, deflated
from polyfn.toolchain.artifacts.oci.media import LAYER, Descriptor
from polyfn.toolchain.artifacts.paths import inside
from polyfn.toolchain.errors import ArtifactError

#: Bytes of a piece at most. Small files share pieces, so that they share what they have in common.
_PIECE, _SHARED = 16 << 20, 1 << 20
#: Magic, deflate, no flags, no time, "maximum compression", "unknown system" (RFC 1952, 2.3).
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
_BLOCK = 512
_WHITEOUT = ".wh."
_WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class LayerSpec:
    """One layer to be made, of files that change together.

    | attribute | content |
    |---|---|
    | `name` | what it holds, for the image's history: `dependencies` |
    | `root` | the directory that its files are in |
    | `paths` | names below `root`, where a folder stands for all in it; None for everything |
    | `prefix` | the folder of the image that `root` becomes: `srv/app`; empty for its root |
    | `folders` | folders that are there whatever is in them, with their modes: `{"tmp": 0o1777}` |
    """

    name: str
    root: Path
    paths: Sequence[str] | None = None
    prefix: str = ""
    folders: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Layer:
    """What was written. `diff_id` is the digest of the tar, `size` that of the blob, in bytes."""

    name: str
    digest: str
    diff_id: str
    size: int
    unpacked_size: int
    files: int

    @property
    def descriptor(self) -> Descriptor:
        """What points to it."""
        return Descriptor(f"{LAYER}+gzip", self.digest, self.size)


def write_layer(spec: LayerSpec, folder: Path, *, epoch: int, kept: Path | None = None) -> Layer | None:
    """Write a layer into a folder of blobs, under its digest; return None where it would be empty.

    Empty directories are left out, but for `folders`. Raises ArtifactError for a link that leaves `root`,
    for what is neither file nor link, and for a name that images have for something else.
    """
    entries = dict(_entries(spec))
    if not entries:
        return None
    part = folder / f".{spec.name.replace('/', '-')}.{os.getpid()}.part"
    try:
        with part.open("wb") as file, ThreadPoolExecutor(_WORKERS) as pool:
            packer = _Packer(file, pool, kept)
            writer = _Writer(packer, spec.root, epoch)
            for name in sorted(entries, key=os.fsencode):
                writer.add(name, entries[name])
            packer.finish(bytes(2 * _BLOCK))
        part.replace(folder / packer.digest.hexdigest())
    finally:
        part.unlink(missing_ok=True)
    digest, diff_id = packer.digest.hexdigest(), packer.plain.hexdigest()
    return Layer(
        spec.name, f"sha256:{digest}", f"sha256:{diff_id}", packer.size, writer.unpacked, writer.files
    )


#: A file, or the mode of a folder.
_Source = Path | int


def _entries(spec: LayerSpec) -> Iterator[tuple[str, _Source]]:
    """Return where each name of the image comes from, parents included."""
    found: dict[str, _Source] = {}
    for name in _names(spec):
        called = f"{spec.prefix.strip('/')}/{name}".lstrip("/")
        if any(part.startswith(_WHITEOUT) for part in PurePosixPath(called).parts):
            raise ArtifactError(
                f"{name} cannot be in an image, where {_WHITEOUT}* says that a file is gone",
                hint="rename it, or leave it out of the project",
            )
        found[called] = spec.root / name
    for name, mode in spec.folders:
        found[name.strip("/")] = mode
    for name in list(found):
        for parent in PurePosixPath(name).parents:
            if parent.parts:
                found.setdefault(str(parent), 0o755)
    yield from found.items()


def _names(spec: LayerSpec) -> Iterator[str]:
    for start in ["."] if spec.paths is None else spec.paths:
        place = spec.root / start
        if place.is_symlink() or not place.is_dir():
            yield str(PurePosixPath(start))
            continue
        for folder, folders, files in os.walk(place):
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in (*files, *links):
                yield Path(folder, name).relative_to(spec.root).as_posix()


class _Writer:
    """The tar format."""

    def __init__(self, packer: _Packer, root: Path, epoch: int) -> None:
        self._packer, self._root, self._epoch = packer, root, epoch
        self.unpacked = self.files = 0

    def add(self, name: str, source: _Source) -> None:
        """Add a file, a link or a folder, told by what is there."""
        if isinstance(source, int):
            self._header(name, tarfile.DIRTYPE, source)
            return
        mode = source.lstat().st_mode
        self.files += 1
        if stat.S_ISLNK(mode):
            self._header(name, tarfile.SYMTYPE, 0o777, link=self._target(source))
        elif stat.S_ISREG(mode):
            self._file(name, source, 0o755 if mode & 0o100 else 0o644)
        else:
            raise ArtifactError(
                f"{name} is neither a file nor a symbolic link", hint="leave it out of the project"
            )

    def _file(self, name: str, source: Path, mode: int) -> None:
        with source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self._header(name, tarfile.REGTYPE, mode, size=size)
            read = self._packer.file(file, size)
        if read != size:
            raise ArtifactError(f"{name} changed while it was read", hint="package again")
        self._packer.add(bytes(-size % _BLOCK))
        self.unpacked += size

    def _target(self, source: Path) -> str:
        name, target = source.relative_to(self._root).as_posix(), os.fspath(source.readlink())
        if not inside(name, target):
            raise ArtifactError(
                f"{name} is a symbolic link to {target}, outside of what is packaged",
                hint="replace it by a copy, or leave it out of the project",
            )
        return target

    def _header(self, name: str, kind: bytes, mode: int, *, size: int = 0, link: str = "") -> None:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.size, info.linkname, info.mtime = kind, mode, size, link, self._epoch
        self._packer.add(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))


class _Packer:
    """Compresses pieces at once and writes them in their order."""

    def __init__(self, file: BinaryIO, pool: ThreadPoolExecutor, kept: Path | None) -> None:
        self._file, self._pool, self._kept = file, pool, kept
        self._shared = bytearray()
        self._waiting: deque[Future[bytes]] = deque()
        self.plain, self.digest, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def add(self, data: bytes) -> None:
        """Add what may share a piece with its neighbours."""
        self._shared += data
        if len(self._shared) >= _SHARED:
            self._flush()

    def file(self, file: BinaryIO, size: int) -> int:
        """Add the content of a file; return the number of bytes that it had, up to one more than `size`."""
        if size < BIG:
            data = file.read(size + 1)
            self.add(data)
            return len(data)
        self._flush()
        done = 0
        while done <= size and (data := file.read(min(_PIECE, size + 1 - done))):
            self._piece(data)
            done += len(data)
        return done

    def finish(self, data: bytes) -> None:
        """Add the end, and wait for everything."""
        self.add(data)
        self._flush()
        while self._waiting:
            self._write()

    def _flush(self) -> None:
        if self._shared:
            self._piece(bytes(self._shared))
            self._shared.clear()

    def _piece(self, data: bytes) -> None:
        self.plain.update(data)
        self._waiting.append(self._pool.submit(_member, data, self._kept))
        if len(self._waiting) > _WORKERS:
            self._write()

    def _write(self) -> None:
        packed = self._waiting.popleft().result()
        self.digest.update(packed)
        self.size += len(packed)
        self._file.write(packed)


def _member(data: bytes, kept: Path | None) -> bytes:
    return _HEADER + deflated(data, kept) + struct.pack("<2I", zlib.crc32(data), len(data) & 0xFFFFFFFF)
