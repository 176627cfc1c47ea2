"""Wraps a bundle as what Cloud Run runs: a container image, or a directory that Google deploys from source.

| format | what is made |
|---|---|
| `image` | `<project>-gcp-<arch>.tar`, an oci-archive that `docker load` takes as well |
| `layout` | `<project>-gcp-<arch>`, the same image as a layout directory |
| `source` | `<project>-gcp-source`, a directory for `gcloud run deploy --source` (`source`) |

Of several architectures one index is made, `<project>-gcp.tar` or `<project>-gcp`.
"""

from __future__ import annotations

from collections.abc import Sequence

from polyfn.toolchain.artifacts.oci import index
from polyfn.toolchain.artifacts.oci.image import Written
from polyfn.toolchain.provider import Artifact, Build, Combination
from polyfn_gcp import image, source


def package(build: Build) -> Artifact:
    """Write the artifact in the wanted format. Raises ArtifactError, RegistryError, UsageError."""
    return source.package(build) if build.format == "source" else image.package(build)


def combine(artifacts: Sequence[Artifact], of: Combination) -> Artifact | None:
    """Write one index of the images of several architectures."""
    if of.format == "source":
        return None
    path = of.out / image.file_name(f"{of.project}-gcp", of.format)
    paths = [artifact.path for artifact in artifacts]
    written: Written = index.write(
        paths, path, epoch=of.epoch, archive=of.format != "layout", name=image.repository(of.project)
    )
    return Artifact(
        path=path,
        target="gcp",
        arch=artifacts[0].arch,
        sha256=written.sha256,
        size=written.size,
        unpacked_size=sum(artifact.unpacked_size for artifact in artifacts),
        files=sum(artifact.files for artifact in artifacts),
        archs=tuple(artifact.arch for artifact in artifacts),
    )
