"""An image as one tree: its layers over each other, with what they take away.

Facts: image-spec 1.1, layer.md: `.wh.NAME` takes NAME of the layers below away, `.wh..wh..opq` all that they
have in its folder. A path may lead through a link of a layer below, which is followed inside of the image.
Nothing of an image is believed: each layer has its digest, a name that leaves the image is kept out of the
tree, and there are limits to what a layer unpacks to.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from polyfn.toolchain.artifacts.archive.entry import DamagedError, Entry, Kind
from polyfn.toolchain.artifacts.oci import blobs, media
from polyfn.toolchain.artifacts.oci.blobs import Blobs
from polyfn.toolchain.artifacts.oci.media import Descriptor, descriptor
from polyfn.toolchain.artifacts.oci.plain import unpacked
from polyfn.toolchain.artifacts.unpacking import LIMIT
from polyfn.toolchain.errors import ArtifactError

#: What is at the root of every bundle.
MARK = "polyfn.json"
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_LINKS = 40
#: Entries and layers of an image at most, and bytes that all its layers unpack to.
_MOST, _LAYERS, _TOTAL = 2_000_000, 1000, 2 * LIMIT
_CHUNK = 1 << 20


@dataclass(slots=True)
class _Node:
    """A place in the tree. `layer` is the last that had it; of a file, `handle` is layer and offset."""

    kind: Kind
    layer: int
    mode: int = 0o755
    size: int = 0
    target: str = ""
    modified: int | None = None
    handle: tuple[int, int] = (0, 0)
    children: dict[str, _Node] = field(default_factory=dict)


class Tree:
    """The tree of one image. Its layers are unpacked into files without names, until `close`."""

    def __init__(self, source: Blobs, image: Descriptor) -> None:
        self.digest = image.digest
        manifest = blobs.document(source, image)
        self.config = blobs.document(source, descriptor(manifest.get("config")))
        self.odd: list[Entry] = []
        self._root = _Node("folder", -1)
        self._files: list[IO[bytes]] = []
        self._count = self._bytes = 0
        try:
            for number, (layer, diff_id) in enumerate(_layers(manifest, self.config)):
                self._add(source, number, layer, diff_id)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the layers."""
        for file in self._files:
            file.close()

    def entries(self, prefix: Sequence[str] = ()) -> Iterator[Entry]:
        """Give everything below a folder, by names that begin there, sorted, parents first."""
        node: _Node | None = self._root
        for part in prefix:
            node = node.children.get(part) if node is not None else None
        if node is not None:
            yield from _walk(node, "")

    def place(self, name: str, depth: int = 4) -> tuple[str, ...] | None:
        """Return the folder that has a file of this name, the one that is nearest to the root."""
        level: list[tuple[tuple[str, ...], _Node]] = [((), self._root)]
        for _ in range(depth):
            for parts, node in level:
                if name in node.children and node.children[name].kind == "file":
                    return parts
            level = [
                ((*parts, called), child)
                for parts, node in level
                for called, child in sorted(node.children.items())
                if child.kind == "folder"
            ]
        return None

    def chunks(self, entry: Entry, limit: int | None = None) -> Iterator[bytes]:
        """Give the content of a file, at most `limit` bytes of it. Raises DamagedError."""
        if entry.kind != "file":
            raise DamagedError("it has no content")
        number, start = entry.handle
        left = entry.size if limit is None else min(limit, entry.size)
        file = self._files[number]
        while left > 0:
            file.seek(start)
            data = file.read(min(_CHUNK, left))
            if not data:
                raise DamagedError("it is shorter than it should be")
            start, left = start + len(data), left - len(data)
            yield data

    def _add(self, source: Blobs, number: int, layer: Descriptor, diff_id: str) -> None:
        file = unpacked(source, layer, diff_id)
        self._files.append(file)
        self._bytes += file.seek(0, os.SEEK_END)
        file.seek(0)
        if self._bytes > _TOTAL:
            raise ArtifactError(f"unpacked, the image has more than {_TOTAL:,} bytes", hint="do not trust it")
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                members = list(self._members(tar))
        except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
            raise ArtifactError(
                f"the layer {layer.digest} is no tar file: {error}", hint=media.DAMAGED
            ) from None
        # What a layer takes away is of those below it, wherever in the layer it says so.
        for parts, _ in members:
            if parts[-1].startswith(_WHITEOUT):
                self._take(parts)
        for parts, member in members:
            if not parts[-1].startswith(_WHITEOUT):
                self._put(parts, member, number)

    def _members(self, tar: tarfile.TarFile) -> Iterator[tuple[list[str], tarfile.TarInfo]]:
        for member in tar:
            self._count += 1
            if self._count > _MOST:
                raise ArtifactError(f"the image has more than {_MOST:,} entries", hint="do not trust it")
            parts = [part for part in member.name.split("/") if part not in ("", ".")]
            if ".." in parts or "\0" in member.name:
                self.odd.append(Entry(member.name, "other", 0))
            elif parts:
                yield parts, member

    def _take(self, parts: list[str]) -> None:
        folder, name = self._folder(parts[:-1], None), parts[-1]
        if folder is None:
            return
        if name == _OPAQUE:
            folder.children.clear()
        else:
            folder.children.pop(name.removeprefix(_WHITEOUT), None)

    def _put(self, parts: list[str], member: tarfile.TarInfo, number: int) -> None:
        folder, name = self._folder(parts[:-1], number), parts[-1]
        assert folder is not None
        node = self._node(member, number)
        before = folder.children.get(name)
        if node.kind == "folder" and before is not None and before.kind == "folder":
            node.children = before.children
        folder.children[name] = node

    def _node(self, member: tarfile.TarInfo, number: int) -> _Node:
        if member.islnk():
            return self._linked(member, number)
        kind: Kind = "other"
        if member.isreg() and not member.issparse():
            kind = "file"
        elif member.isdir():
            kind = "folder"
        elif member.issym():
            kind = "link"
        return _Node(
            kind,
            number,
            stat.S_IMODE(member.mode),
            member.size if kind == "file" else len(os.fsencode(member.linkname)) * (kind == "link"),
            member.linkname if kind == "link" else "",
            int(member.mtime),
            (number, member.offset_data),
        )

    def _linked(self, member: tarfile.TarInfo, number: int) -> _Node:
        """The same content under another name; of what is not there, something that is no file."""
        parts = [part for part in member.linkname.split("/") if part not in ("", ".")]
        folder = self._folder(parts[:-1], None) if parts and ".." not in parts else None
        found = folder.children.get(parts[-1]) if folder is not None else None
        if found is None or found.kind == "folder":
            return _Node("other", number)
        return replace(found, layer=number, children={})

    def _folder(self, parts: list[str], number: int | None) -> _Node | None:
        """Return the folder at a path, through links. With a layer's `number` it is made if need be."""
        way, queue, links = [self._root], parts[::-1], 0
        while queue:
            part = queue.pop()
            if part in ("", "."):
                continue
            if part == "..":
                way = way[:-1] or [self._root]
                continue
            child = way[-1].children.get(part)
            if child is not None and child.kind == "link":
                links += 1
                if links > _LINKS:
                    raise ArtifactError("the links of the image lead in circles", hint="do not trust it")
                way = [self._root] if child.target.startswith("/") else way
                queue += child.target.split("/")[::-1]
                continue
            if child is None or child.kind != "folder":
                if number is None:
                    return None
                child = way[-1].children[part] = _Node("folder", number)
            way.append(child)
        return way[-1]


def _walk(node: _Node, before: str) -> Iterator[Entry]:
    # By hand: a tree may be deeper than Python lets functions call each other.
    stack = [(before, iter(sorted(node.children.items())))]
    while stack:
        prefix, items = stack[-1]
        name, child = next(items, (None, None))
        if name is None or child is None:
            stack.pop()
            continue
        full = prefix + name
        yield Entry(
            full, child.kind, child.size, child.mode, child.target, child.modified, handle=child.handle
        )
        if child.children:
            stack.append((f"{full}/", iter(sorted(child.children.items()))))


def _layers(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> list[tuple[Descriptor, str]]:
    rootfs, listed = config.get("rootfs"), manifest.get("layers")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(listed, list) or not isinstance(diff_ids, list) or len(listed) != len(diff_ids):
        raise ArtifactError("the image does not tell its layers", hint=media.DAMAGED)
    if len(listed) > _LAYERS:
        raise ArtifactError(f"the image has {len(listed):,} layers", hint="do not trust it")
    return [(descriptor(told), str(diff_id)) for told, diff_id in zip(listed, diff_ids, strict=True)]


@dataclass(frozen=True)
class Unpacked:
    """An image on disk: its config, which says how it is run, and the folder of the bundle in it.

    `bundle` is the root where the image holds no bundle of polyfn.
    """

    config: Mapping[str, Any]
    bundle: Path


def unpack(path: Path, target: Path, *, arch: str | None = None) -> Unpacked:
    """Unpack an image into a new directory, as one tree.

    Modes are kept but for setuid, owners are not. Absolute links are kept as they are: they are right
    where the directory is a root. Raises ArtifactError for an image with names that leave it.
    """
    with blobs.opened(path) as source:
        tree = Tree(source, blobs.chosen(source, arch))
        try:
            _unpack(tree, path.name, target)
        finally:
            tree.close()
        return Unpacked(tree.config, target.joinpath(*(tree.place(MARK) or ())))


def _unpack(tree: Tree, called: str, target: Path) -> None:
    if tree.odd:
        raise ArtifactError(
            f"{called} has an entry that is not safe to unpack, {tree.odd[0].name[:200]!r}",
            hint="polyfn package writes no such entries: do not trust this file",
        )
    target.mkdir(parents=True, exist_ok=True)
    later: list[tuple[Path, Entry]] = []
    for entry in tree.entries():
        # All parents are folders of the tree: no name leads through a link.
        place = target / entry.name
        if entry.kind == "folder":
            place.mkdir(exist_ok=True)
            later.append((place, entry))
        elif entry.kind == "link":
            place.symlink_to(entry.target)
        elif entry.kind == "file":
            with place.open("xb") as sink:
                for chunk in tree.chunks(entry):
                    sink.write(chunk)
            place.chmod((entry.mode or 0o644) & 0o777)
    for place, entry in reversed(later):  # a folder may be one that nothing can be written into
        place.chmod((entry.mode or 0o755) & 0o1777)


def config(path: Path, *, arch: str | None = None) -> dict[str, Any]:
    """Return the config of an image: how it is run. Raises ArtifactError."""
    with blobs.opened(path) as source:
        manifest = blobs.document(source, blobs.chosen(source, arch))
        return blobs.document(source, descriptor(manifest.get("config")))


def archs(path: Path) -> list[str]:
    """Return the architectures of the images in a file or directory. Raises ArtifactError."""
    with blobs.opened(path) as source:
        return [str(image.platform.get("architecture")) for image in blobs.images(source)]
