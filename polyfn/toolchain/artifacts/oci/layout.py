"""Writes images: a layout directory, and the tar file of one that is an oci-archive and a docker-archive.

Facts: image-spec 1.1, image-layout.md. The tar also has the manifest.json of `docker save`
(https://github.com/moby/docker-image-spec, v1.2), which may name any file as config and layer: so
`docker load` takes it, and skopeo as `docker-archive:`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polyfn.toolchain.artifacts.oci import blobs, media, names
from polyfn.toolchain.artifacts.oci.media import Descriptor, canonical, descriptor


@dataclass(frozen=True)
class Layout:
    """A layout that is being made at `root`."""

    root: Path

    @property
    def blobs(self) -> Path:
        """Where the blobs are."""
        return self.root / "blobs" / "sha256"

    def put(self, document: dict[str, Any], media_type: str) -> Descriptor:
        """Write a document and return what points to it."""
        return self.put_bytes(canonical(document), media_type)

    def put_bytes(self, data: bytes, media_type: str) -> Descriptor:
        """Write a blob and return what points to it."""
        what = Descriptor(media_type, media.digest_of(data), len(data))
        self.place(what).write_bytes(data)
        return what

    def place(self, what: Descriptor) -> Path:
        """Return where a blob is."""
        path = self.root / names.of_blob(what.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def finish(
        self, images: Sequence[Descriptor], *, name: str, tag: str, referrers: Sequence[str] = ()
    ) -> None:
        """Write what names the images. A single one can also be loaded by docker, as `name:tag`."""
        called = {media.REF_NAME: tag, media.IMAGE_NAME: f"docker.io/library/{name}:{tag}"}
        named = [replace(one, annotations={**one.annotations, **called}) for one in images]
        index: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": media.INDEX,
            "manifests": [one.document() for one in named],
        }
        if referrers:
            index["annotations"] = {media.REFERRERS: ",".join(sorted(referrers))}
        (self.root / names.INDEX).write_bytes(canonical(index))
        (self.root / names.LAYOUT).write_bytes(canonical({"imageLayoutVersion": "1.0.0"}))
        if len(images) == 1 and images[0].media_type == media.MANIFEST:
            (self.root / names.DOCKER).write_bytes(self._docker(images[0], f"{name}:{tag}"))

    def _docker(self, image: Descriptor, called: str) -> bytes:
        manifest = blobs.document(blobs.Folder(self.root), image)
        told = {
            "Config": names.of_blob(descriptor(manifest["config"]).digest),
            "RepoTags": [called],
            "Layers": [names.of_blob(descriptor(layer).digest) for layer in manifest["layers"]],
        }
        return json.dumps([told], sort_keys=True, separators=(",", ":")).encode()


@contextmanager
def making(out: Path, *, archive: bool, epoch: int) -> Iterator[Layout]:
    """Give a layout to fill; at the end it is at `out`, as a tar file or as a directory, or nothing is."""
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that the last step is a renaming, and in a directory of this process alone.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        layout = Layout(Path(folder, "layout"))
        layout.blobs.mkdir(parents=True)
        yield layout
        made = layout.root
        if archive:
            made = Path(folder, "archive")
            _tar(layout.root, made, epoch)
        else:
            (layout.root / names.DOCKER).unlink(missing_ok=True)  # docker loads no directory
            _modes(layout.root)
        if out.is_dir() and not out.is_symlink():
            shutil.rmtree(out)
        made.replace(out)


def _modes(root: Path) -> None:
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for name in files:
            Path(folder, name).chmod(0o644)


def _tar(root: Path, out: Path, epoch: int) -> None:
    with out.open("wb") as sink:
        for path in sorted(root.rglob("*"), key=lambda path: os.fsencode(path.relative_to(root))):
            info = tarfile.TarInfo(path.relative_to(root).as_posix())
            info.mtime, info.mode = epoch, 0o644
            if path.is_dir():
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            else:
                info.size = path.stat().st_size
            sink.write(info.tobuf(tarfile.PAX_FORMAT))
            if not path.is_dir():
                with path.open("rb") as source:
                    shutil.copyfileobj(source, sink, 1 << 20)
                sink.write(bytes(-info.size % 512))
        sink.write(bytes(1024))


def sha256_of(path: Path) -> str:
    """Return the hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
