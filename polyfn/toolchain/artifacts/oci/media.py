"""The words of the formats: media types, annotations, descriptors, and JSON that is the same every time.

Facts: image-spec 1.1, media-types.md, descriptor.md and annotations.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from polyfn.toolchain.errors import ArtifactError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"
CYCLONEDX = "application/vnd.cyclonedx+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

INDEXES = frozenset({INDEX, DOCKER_INDEX})
MANIFESTS = frozenset({MANIFEST, DOCKER_MANIFEST})
CONFIGS = frozenset({CONFIG, DOCKER_CONFIG})

Packing = Literal["", "gzip", "zstd"]
#: How each kind of layer is compressed. What is not here is not distributable, or no layer.
LAYERS: dict[str, Packing] = {
    LAYER: "",
    f"{LAYER}+gzip": "gzip",
    f"{LAYER}+zstd": "zstd",
    "application/vnd.docker.image.rootfs.diff.tar": "",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": "zstd",
}

CREATED = "org.opencontainers.image.created"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"
#: In a layout's index.json: the tag of an image.
REF_NAME = "org.opencontainers.image.ref.name"
#: In a layout's index.json: the name by which containerd and `docker load` call an image.
IMAGE_NAME = "io.containerd.image.name"
#: In a layout's index.json, at its end: digests of the manifests that refer to its images (SBOMs). They are
#: not among its `manifests`, of which skopeo, podman and crane take a single one without being told which.
REFERRERS = "polyfn.referrers"

#: Bytes of a manifest, an index or a config that are read at most (distribution-spec: 4 MiB for manifests).
DOCUMENT_LIMIT = 4 << 20

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


@dataclass(frozen=True)
class Descriptor:
    """What points to a blob. `size` is in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, Any] = field(default_factory=dict)
    artifact_type: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as it is written."""
        told = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        more = {
            "annotations": dict(self.annotations),
            "platform": dict(self.platform),
            "artifactType": self.artifact_type,
        }
        return {**told, **{name: value for name, value in more.items() if value}}


def descriptor(document: Any) -> Descriptor:
    """Read a descriptor of whoever wrote it. Raises ArtifactError."""
    told = document if isinstance(document, dict) else {}
    digest, size, media_type = told.get("digest"), told.get("size"), told.get("mediaType", "")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ArtifactError(
            f"the image names a blob by {str(digest)[:90]!r}, which is no digest", hint=DAMAGED
        )
    if not isinstance(size, int) or isinstance(size, bool) or size < 0 or not isinstance(media_type, str):
        raise ArtifactError(f"the image does not tell what {digest} is, and its size", hint=DAMAGED)
    artifact_type = told.get("artifactType")
    return Descriptor(
        media_type,
        digest,
        size,
        texts(told.get("annotations")),
        told["platform"] if isinstance(told.get("platform"), dict) else {},
        artifact_type if isinstance(artifact_type, str) else None,
    )


DAMAGED = "it was damaged, or is no image: get it again"


def texts(value: Any) -> dict[str, str]:
    """Return what of a JSON value is text by name."""
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return JSON that is the same every time: sorted and without spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parsed(data: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in `data`. Raises ArtifactError."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ArtifactError(f"{what} is no JSON object", hint=DAMAGED)
    return document


def digest_of(data: bytes) -> str:
    """Return the digest of what is in memory."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def hasher(digest: str) -> Any:
    """Return what computes a digest of the same algorithm."""
    return hashlib.new(digest.partition(":")[0])


def moment(epoch: int) -> str:
    """Return seconds since 1970 as RFC 3339."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
