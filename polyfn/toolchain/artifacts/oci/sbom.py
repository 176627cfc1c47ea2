"""The SBOM of an image, attached to it by a manifest whose subject it is (image-spec 1.1, manifest.md)."""

from __future__ import annotations

from typing import Any

from polyfn.toolchain.artifacts.oci import media
from polyfn.toolchain.artifacts.oci.layout import Layout
from polyfn.toolchain.artifacts.oci.media import Descriptor


def attach(layout: Layout, image: Descriptor, *, name: str, epoch: int) -> Descriptor:
    """Make the CycloneDX document of an image in a layout; return what points to the manifest that has it."""
    from polyfn.toolchain.report.sbom import sbom

    document = sbom(layout.root, name=name).encode()
    inside = layout.put_bytes(document, media.CYCLONEDX)
    empty = layout.put_bytes(b"{}", media.EMPTY)
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media.MANIFEST,
        "artifactType": media.CYCLONEDX,
        "config": empty.document(),
        "layers": [{**inside.document(), "annotations": {media.TITLE: "sbom.cdx.json"}}],
        "subject": Descriptor(image.media_type, image.digest, image.size).document(),
        "annotations": {media.CREATED: media.moment(epoch)},
    }
    return layout.put(manifest, media.MANIFEST)
