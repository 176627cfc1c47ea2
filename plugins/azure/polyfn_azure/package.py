"""Wraps a bundle as the zip that Azure Functions runs."""

from __future__ import annotations

from polyfn.toolchain.artifacts.zip import write_zip
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.provider import Artifact, Build


def package(build: Build) -> Artifact:
    """Write `<project>-azure-<arch>.zip`. Raises ArtifactError."""
    bundle = build.bundle
    path = build.out / f"{build.project}-azure-{bundle.arch}.zip"
    written = write_zip(bundle.root, path, epoch=build.epoch, kept=cache_folder() / "deflated")
    return Artifact(
        path=path,
        target="azure",
        arch=bundle.arch,
        sha256=written.sha256,
        size=written.size,
        unpacked_size=written.unpacked_size,
        files=written.files,
    )
