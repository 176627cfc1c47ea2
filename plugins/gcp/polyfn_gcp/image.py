"""The container image of a bundle: the bundle at /srv, in layers by rate of change.

It listens where PORT says, runs as no root, and starts the interpreter itself: a shell as the first
process would keep SIGTERM for itself (https://cloud.google.com/run/docs/container-contract).
"""

from __future__ import annotations

import re

from polyfn.toolchain import progress
from polyfn.toolchain.artifacts.oci import base as bases
from polyfn.toolchain.artifacts.oci import bundled, image
from polyfn.toolchain.artifacts.oci.base import SCRATCH, Base
from polyfn.toolchain.artifacts.oci.image import ImageSpec
from polyfn.toolchain.artifacts.oci.registry import Registry
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Arch, Artifact, Build
from polyfn_gcp.settings import GcpSettings

#: Where the bundle is in the image.
HOME = "srv"
#: What an interpreter without a libc of its own is put upon: glibc, libgcc, libstdc++, certificates and no
#: shell, for both architectures (https://github.com/GoogleContainerTools/distroless).
DEFAULT_BASE = "gcr.io/distroless/cc-debian12:nonroot"


def package(build: Build) -> Artifact:
    """Write the image. Raises ArtifactError; UsageError and RegistryError for a base that cannot be had."""
    bundle, settings = build.bundle, build.settings
    assert isinstance(settings, GcpSettings)
    if bundle.interpreter == "platform":
        raise ArtifactError(
            "an image brings its own interpreter, and --interpreter platform leaves it out",
            hint="leave --interpreter out, or say --format source for Google's own Python",
        )
    path = build.out / file_name(f"{build.project}-gcp-{bundle.arch}", build.format)
    wanted = base_of(settings, bundle.interpreter)
    with Registry(log=build.log) as registry, progress.step("reading the base image"):
        opened = bases.opened(wanted, bundle.arch, registry=registry, cache=cache_folder() / "bases")
        with opened as base, progress.step("writing layers"):
            spec = _spec(build, settings, base)
            archive, kept = build.format != "layout", cache_folder() / "deflated"
            written = image.write(spec, path, epoch=build.epoch, archive=archive, kept=kept)
    return Artifact(
        path=path,
        target="gcp",
        arch=bundle.arch,
        sha256=written.sha256,
        size=written.size,
        unpacked_size=written.unpacked_size,
        files=written.files,
    )


def base_of(settings: GcpSettings, interpreter: str) -> str:
    """Return what an image is built upon: as set, or nothing where the bundle has a libc of its own."""
    if settings.base is not None:
        return settings.base
    return SCRATCH if interpreter in ("host", "linked") else DEFAULT_BASE


def base_digest(settings: GcpSettings, interpreter: str, arch: Arch) -> str:
    """Return what stands for the base image. Raises what `package` raises for it."""
    with Registry() as registry:
        return bases.identity(base_of(settings, interpreter), arch, registry=registry)


def repository(project: str) -> str:
    """Return the name that `docker load` gives an image: lower case, as references have it."""
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-") or "function"


def file_name(stem: str, form: str | None) -> str:
    """Return the name of an archive, or of a layout directory."""
    return stem if form == "layout" else f"{stem}.tar"


def _spec(build: Build, settings: GcpSettings, base: Base | None) -> ImageSpec:
    return ImageSpec(
        arch=build.bundle.arch,
        layers=bundled.layers(build.bundle, HOME),
        entrypoint=bundled.entrypoint(build.bundle, HOME),
        env=settings.env,
        workdir=f"/{HOME}",
        labels={"org.opencontainers.image.title": build.project},
        base=base,
        ports=("8080/tcp",),
        name=repository(build.project),
    )
