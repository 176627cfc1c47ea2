"""Where the blobs of images are read from: a layout, an oci-archive, what `docker save` wrote.

Facts: image-spec 1.1, image-layout.md; for `docker save`, the manifest.json that
https://github.com/moby/docker-image-spec (v1.2) describes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, cast

from polyfn.toolchain.artifacts.oci import media, names
from polyfn.toolchain.artifacts.oci.media import Descriptor, descriptor, parsed
from polyfn.toolchain.artifacts.oci.part import Part
from polyfn.toolchain.artifacts.unpacking import uncompressed
from polyfn.toolchain.errors import ArtifactError

_CHUNK = 1 << 20


class Blobs(Protocol):
    """Images that can be read. `index` is the document that names them."""

    index: Mapping[str, Any]

    def open(self, digest: str) -> IO[bytes]:
        """Open a blob. Its content is not verified. Raises ArtifactError if it is not there."""


class Folder:
    """A layout directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.index: Mapping[str, Any] = parsed(_few(path / names.INDEX), names.INDEX)

    def open(self, digest: str) -> IO[bytes]:
        """Open a blob."""
        place = self._path / names.of_blob(digest)
        if place.is_symlink() or not place.is_file():
            raise _lost(digest)
        return place.open("rb")


class Tar:
    """An oci-archive, or what `docker save` wrote: then its documents are made here."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._lock = file, threading.Lock()
        with tarfile.open(fileobj=file, mode="r:") as tar:
            members = [member for member in tar if member.isreg() and not member.issparse()]
        self._members = {os.path.normpath(one.name): (one.offset_data, one.size) for one in members}
        self._made: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        if names.INDEX in self._members:
            self.index: Mapping[str, Any] = parsed(self._document(names.INDEX), names.INDEX)
        else:
            self.index = self._of_docker()

    def open(self, digest: str) -> IO[bytes]:
        """Open a blob."""
        if digest in self._made:
            return io.BytesIO(self._made[digest])
        name = self._names.get(digest, names.of_blob(digest))
        if name not in self._members:
            raise _lost(digest)
        return self._opened(name)

    def _opened(self, name: str) -> IO[bytes]:
        name = os.path.normpath(name)
        if name not in self._members:
            raise ArtifactError(f"the image has no {name[:200]}", hint=media.DAMAGED)
        return io.BufferedReader(Part(self._file, self._lock, *self._members[name]), _CHUNK)

    def _document(self, name: str) -> bytes:
        with self._opened(name) as file:
            return _limited(file, name)

    def _of_docker(self) -> dict[str, Any]:
        try:
            images = json.loads(self._document(names.DOCKER))
        except (ValueError, RecursionError):
            images = None
        if not isinstance(images, list):
            raise ArtifactError(f"the image's {names.DOCKER} is no list", hint=media.DAMAGED)
        told = [self._manifest(image) for image in images if isinstance(image, dict)]
        return {"schemaVersion": 2, "manifests": [one.document() for one in told]}

    def _manifest(self, image: Mapping[str, Any]) -> Descriptor:
        config = self._document(str(image.get("Config")))
        listed = image.get("Layers")
        layers = [self._layer(str(name)) for name in listed] if isinstance(listed, list) else []
        document = {
            "schemaVersion": 2,
            "mediaType": media.MANIFEST,
            "config": Descriptor(media.CONFIG, self._make(config), len(config)).document(),
            "layers": [layer.document() for layer in layers],
        }
        data = media.canonical(document)
        return Descriptor(media.MANIFEST, self._make(data), len(data))

    def _make(self, data: bytes) -> str:
        digest = media.digest_of(data)
        self._made[digest] = data
        return digest

    def _layer(self, name: str) -> Descriptor:
        with self._opened(name) as opened:
            zipped = opened.read(2) == b"\x1f\x8b"
            opened.seek(0)
            digest = f"sha256:{hashlib.file_digest(cast('Any', opened), 'sha256').hexdigest()}"
        self._names[digest] = os.path.normpath(name)
        _, size = self._members[os.path.normpath(name)]
        return Descriptor(f"{media.LAYER}+gzip" if zipped else media.LAYER, digest, size)


@contextmanager
def opened(path: Path) -> Iterator[Blobs]:
    """Open a layout directory, an oci-archive or a docker-archive. Raises ArtifactError for what is none."""
    if path.is_dir():
        if not names.is_layout(path):
            raise _no_image(path)
        yield Folder(path)
        return
    if not path.is_file():
        raise ArtifactError(f"{path} does not exist", hint="give the path that polyfn package printed")
    try:
        file = uncompressed(path)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise _no_image(path) from error
    with file:
        try:
            tar = Tar(file)
        except tarfile.TarError as error:
            raise _no_image(path) from error
        yield tar


def _no_image(path: Path) -> ArtifactError:
    return ArtifactError(
        f"{path} is no image",
        hint="an image is an oci-archive, a docker-archive or a layout directory: polyfn package makes one "
        "for targets that run containers",
    )


def document(blobs: Blobs, what: Descriptor) -> dict[str, Any]:
    """Return a manifest, an index or a config, its digest verified. Raises ArtifactError."""
    return parsed(small(blobs, what), what.digest)


def small(blobs: Blobs, what: Descriptor, limit: int = media.DOCUMENT_LIMIT) -> bytes:
    """Return a small blob, its digest verified. Raises ArtifactError."""
    with blobs.open(what.digest) as file:
        data = _limited(file, what.digest, limit)
    verified(what, data)
    return data


def verified(what: Descriptor, data: bytes) -> None:
    """Raise ArtifactError if these bytes are not what the descriptor says."""
    hasher = media.hasher(what.digest)
    hasher.update(data)
    judged(what, len(data), hasher.hexdigest())


def judged(what: Descriptor, size: int, digest: str) -> None:
    """Raise ArtifactError unless size and hexadecimal digest are those of the descriptor."""
    if size != what.size or digest != what.digest.partition(":")[2]:
        raise ArtifactError(
            f"the content of {what.digest} is not what its name says", hint="do not trust it: get it again"
        )


def copied(source: IO[bytes], what: Descriptor, sink: IO[bytes]) -> None:
    """Copy a blob and verify it meanwhile; no more than it should have is read. Raises ArtifactError."""
    hasher, size = media.hasher(what.digest), 0
    while size <= what.size and (chunk := source.read(min(_CHUNK, what.size + 1 - size))):
        hasher.update(chunk)
        size += len(chunk)
        sink.write(chunk)
    judged(what, size, hasher.hexdigest())


def images(blobs: Blobs) -> list[Descriptor]:
    """Return what points to each image, those of an index included, in their order.

    What is not known to be for a platform gets it from its config. Raises ArtifactError.
    """
    found = list(_found(blobs, blobs.index, 0))
    if not found:
        raise ArtifactError("there is no image in it", hint=media.DAMAGED)
    return found


def chosen(blobs: Blobs, arch: str | None) -> Descriptor:
    """Return what points to the image of an architecture, to the first without one. Raises ArtifactError."""
    there = images(blobs)
    if arch is None:
        return there[0]
    for one in there:
        if one.platform.get("architecture") == arch:
            return one
    has = ", ".join(sorted({str(one.platform.get("architecture")) for one in there}))
    raise ArtifactError(f"the image is not for {arch}: it is for {has}", hint="name another --arch")


def _found(blobs: Blobs, index: Mapping[str, Any], depth: int) -> Iterator[Descriptor]:
    listed = index.get("manifests")
    for told in listed if isinstance(listed, list) else []:
        what = descriptor(told)
        if what.media_type in media.INDEXES and depth < 3:
            yield from _found(blobs, document(blobs, what), depth + 1)
        elif what.media_type in media.MANIFESTS and what.artifact_type is None:
            manifest = document(blobs, what)
            if "subject" in manifest or what.platform.get("os") == "unknown":
                continue  # it is about an image, and none itself
            yield what if what.platform.get("architecture") else _placed(blobs, what, manifest)


def _placed(blobs: Blobs, what: Descriptor, manifest: Mapping[str, Any]) -> Descriptor:
    config = document(blobs, descriptor(manifest.get("config")))
    return Descriptor(what.media_type, what.digest, what.size, what.annotations, platform_of(config))


def platform_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the platform that an image's config tells."""
    told = {name: config.get(name) for name in ("architecture", "os", "variant")}
    return {name: value for name, value in told.items() if isinstance(value, str)}


def _few(path: Path) -> bytes:
    with path.open("rb") as file:
        return _limited(file, path.name)


def _limited(file: IO[bytes], what: str, limit: int = media.DOCUMENT_LIMIT) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise ArtifactError(f"{what} has more than {limit:,} bytes", hint=media.DAMAGED)
    return data


def _lost(digest: str) -> ArtifactError:
    return ArtifactError(f"the image has no blob {digest}", hint=media.DAMAGED)
