"""Several architectures' images as one: an index (image-spec 1.1, image-index.md)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from polyfn.toolchain.artifacts.oci import blobs, media
from polyfn.toolchain.artifacts.oci.blobs import Blobs
from polyfn.toolchain.artifacts.oci.image import Written
from polyfn.toolchain.artifacts.oci.layout import making, sha256_of
from polyfn.toolchain.artifacts.oci.media import Descriptor, canonical, descriptor
from polyfn.toolchain.errors import ArtifactError, UsageError


@dataclass(frozen=True)
class Whole:
    """An image, or an index of several, with all that it points to.

    `top` is what the whole is called by, and `documents` are the bytes of manifests by digest, those
    that refer to images (`referrers`) too. `blobs` has the rest, by who has it.
    """

    top: Descriptor
    documents: Mapping[str, tuple[Descriptor, bytes]]
    blobs: Mapping[str, tuple[Descriptor, Blobs]]
    referrers: Sequence[Descriptor] = field(default_factory=tuple)
    #: Repositories that have some of the blobs already: those of the images that these were built upon.
    bases: Sequence[str] = ()


def whole(sources: Sequence[Blobs]) -> Whole:
    """Gather the images of several artifacts. Raises ArtifactError, UsageError for two of one platform."""
    gathered = _Gathered()
    for source in sources:
        gathered.add(source)
    return gathered.finish()


def write(
    images: Sequence[Path], out: Path, *, epoch: int, archive: bool = True, name: str, tag: str = "latest"
) -> Written:
    """Write the images of several artifacts as one artifact. Raises ArtifactError, UsageError.

    `unpacked_size` and `files` of what is returned are 0: they are those of the images.
    """
    with contextlib.ExitStack() as stack:
        found = whole([stack.enter_context(blobs.opened(path)) for path in images])
        layout = stack.enter_context(making(out, archive=archive, epoch=epoch))
        for what, data in found.documents.values():
            layout.place(what).write_bytes(data)
        for what, source in found.blobs.values():
            with source.open(what.digest) as file, layout.place(what).open("wb") as sink:
                blobs.copied(file, what, sink)
        referrers = [one.digest for one in found.referrers]
        layout.finish([found.top], name=name, tag=tag, referrers=referrers)
        size = sum(path.stat().st_size for path in layout.root.rglob("*") if path.is_file())
    digest = found.top.digest
    return Written(
        sha256=sha256_of(out) if archive else digest.partition(":")[2],
        digest=digest,
        size=out.stat().st_size if archive else size,
        unpacked_size=0,
        files=0,
    )


class _Gathered:
    """What is found in the artifacts, one after the other."""

    def __init__(self) -> None:
        self.images: dict[str, Descriptor] = {}
        self.documents: dict[str, tuple[Descriptor, bytes]] = {}
        self.blobs: dict[str, tuple[Descriptor, Blobs]] = {}
        self.referrers: dict[str, Descriptor] = {}
        self.bases: dict[str, None] = {}

    def add(self, source: Blobs) -> None:
        for image in blobs.images(source):
            platform = "/".join(
                str(image.platform.get(part, "")) for part in ("os", "architecture", "variant")
            )
            other = self.images.setdefault(platform, image)
            if other.digest != image.digest:
                raise UsageError(
                    f"two of the images are for {platform.rstrip('/')}",
                    hint="give one artifact per architecture",
                )
            self._manifest(source, image)
        listed = media.texts(source.index.get("annotations")).get(media.REFERRERS, "")
        for digest in filter(None, listed.split(",")):
            self._referrer(source, digest)

    def finish(self) -> Whole:
        images = [self.images[key] for key in sorted(self.images)]
        top = images[0]
        if len(images) > 1:
            listed = [replace(one, annotations={}).document() for one in images]
            data = canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": listed})
            top = Descriptor(media.INDEX, media.digest_of(data), len(data))
            self.documents[top.digest] = (top, data)
        return Whole(
            replace(top, annotations={}), self.documents, self.blobs, tuple(self.referrers.values()),
            tuple(self.bases),
        )  # fmt: skip

    def _manifest(self, source: Blobs, what: Descriptor) -> dict[str, Any]:
        data = blobs.small(source, what)
        manifest = media.parsed(data, what.digest)
        self.documents[what.digest] = (what, data)
        listed = manifest.get("layers")
        for told in [manifest.get("config"), *(listed if isinstance(listed, list) else [])]:
            one = descriptor(told)
            self.blobs[one.digest] = (one, source)
        if base := media.texts(manifest.get("annotations")).get(media.BASE_NAME):
            self.bases[base] = None
        return manifest

    def _referrer(self, source: Blobs, digest: str) -> None:
        descriptor(
            {"mediaType": media.MANIFEST, "digest": digest, "size": 0}
        )  # it names a file: is it sound?
        with source.open(digest) as file:
            size = len(file.read(media.DOCUMENT_LIMIT + 1))
        what = Descriptor(media.MANIFEST, digest, size)
        manifest = self._manifest(source, what)
        subject = descriptor(manifest.get("subject"))
        if subject.digest not in self.documents:
            raise ArtifactError(f"{digest} is about {subject.digest}, which is not there", hint=media.DAMAGED)
        kind = manifest.get("artifactType")
        self.referrers[digest] = replace(
            what,
            artifact_type=kind if isinstance(kind, str) else None,
            annotations=media.texts(manifest.get("annotations")),
        )
