"""A layer as a plain tar file, verified on the way."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from typing import IO, Any

from polyfn.toolchain.artifacts.oci import blobs, media
from polyfn.toolchain.artifacts.oci.blobs import Blobs
from polyfn.toolchain.artifacts.oci.media import LAYERS, Descriptor
from polyfn.toolchain.artifacts.unpacking import gunzipped, spooled
from polyfn.toolchain.errors import ArtifactError

_CHUNK = 1 << 20


def unpacked(source: Blobs, layer: Descriptor, diff_id: str) -> IO[bytes]:
    """Return the tar file of a layer. Raises ArtifactError."""
    packing = LAYERS.get(layer.media_type)
    if packing is None:
        raise ArtifactError(
            f"the image has a layer of the type {layer.media_type[:100]!r}, which cannot be read",
            hint="give an image whose layers are tar files",
        )
    plain = hashlib.sha256()
    with source.open(layer.digest) as file:
        watched = _Watched(file, layer)
        reader = _zstd(watched) if packing == "zstd" else _READERS[packing](watched)  # type: ignore[arg-type]
        try:
            made = spooled(_seen(reader, plain))
        except (tarfile.TarError, EOFError) as error:
            raise ArtifactError(f"the layer {layer.digest}: {error}", hint=media.DAMAGED) from None
        try:
            watched.finish()
            _refuse_other(layer, plain.hexdigest(), diff_id)
        except BaseException:
            made.close()
            raise
        return made


def _refuse_other(layer: Descriptor, digest: str, diff_id: str) -> None:
    if f"sha256:{digest}" != diff_id:
        raise ArtifactError(
            f"the layer {layer.digest} does not hold what the config says", hint="do not trust it"
        )


class _Watched:
    """A blob that is verified while it is read."""

    def __init__(self, file: IO[bytes], what: Descriptor) -> None:
        self._file, self._what, self._hasher, self._size = file, what, media.hasher(what.digest), 0

    def read(self, size: int = _CHUNK) -> bytes:
        """Read what is next."""
        data = self._file.read(size if size > 0 else _CHUNK)
        self._hasher.update(data)
        self._size += len(data)
        return data

    def finish(self) -> None:
        """Read what is left. Raises ArtifactError."""
        while self._size <= self._what.size and self.read():
            pass
        blobs.judged(self._what, self._size, self._hasher.hexdigest())


def _seen(chunks: Iterator[bytes], hasher: Any) -> Iterator[bytes]:
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk


def _as_it_is(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


_READERS = {"": _as_it_is, "gzip": gunzipped}


def _zstd(file: Any) -> Iterator[bytes]:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise ArtifactError(
            "the image has a layer packed by zstd, which this Python does not know",
            hint="run polyfn with Python 3.14, or pack it by gzip: skopeo copy --dest-compress-format gzip",
        ) from None
    with zstd.open(file) as opened:
        yield from _as_it_is(opened)
