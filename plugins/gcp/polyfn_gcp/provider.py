"""What polyfn knows of Google Cloud Run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from pydantic import BaseModel

from polyfn.toolchain.dialect import Dialect
from polyfn.toolchain.hooks import hookimpl
from polyfn.toolchain.manifest import FunctionEntry, Manifest
from polyfn.toolchain.provider import (
    Artifact,
    Build,
    Capability,
    Combination,
    Emulation,
    Emulator,
    Platform,
    Provider,
    Sample,
    Wrapping,
)
from polyfn_gcp.rules import RULES
from polyfn_gcp.settings import GcpSettings

#: What wheels are chosen for. Cloud Run brings no libc: the image does, and 2.31 is that of Debian 11, the
#: oldest Debian that still has updates. Cloud Run itself runs the x86-64 ABI alone
#: (https://cloud.google.com/run/docs/container-contract); an arm64 image is for other hosts of containers.
GLIBC = (2, 31)


def _package(build: Build) -> Artifact:
    from polyfn_gcp.package import package

    return package(build)


def _combine(artifacts: Sequence[Artifact], of: Combination) -> Artifact | None:
    from polyfn_gcp.package import combine

    return combine(artifacts, of)


def _inputs(wrapping: Wrapping) -> Mapping[str, str]:
    assert isinstance(wrapping.settings, GcpSettings)
    # What is refused anyway need not have a base looked up in a registry first.
    if wrapping.format == "source" or wrapping.interpreter == "platform":
        return {}
    from polyfn_gcp.image import base_digest

    return {"base": base_digest(wrapping.settings, wrapping.interpreter, wrapping.arch)}


def _emulate(emulation: Emulation) -> AbstractAsyncContextManager[Emulator]:
    from polyfn_gcp.emulator import emulate

    return emulate(emulation)


def _sampler(entry: FunctionEntry, data: Any) -> Sequence[Sample]:
    from polyfn_gcp.samples import sampler

    return sampler(entry, data)


def _dialect() -> Dialect:
    from polyfn_gcp.dialect import dialect

    return dialect()


def _checks(manifest: Manifest, settings: BaseModel) -> Sequence[tuple[str, str]]:
    from polyfn_gcp.checks import checks

    return checks(manifest, settings)


def _needs(manifest: Manifest, settings: BaseModel, format_: str | None) -> Sequence[str]:  # noqa: ARG001
    """What serves: the artifact is a service's image and a job's, and cannot know which it will be."""
    assert isinstance(settings, GcpSettings)
    server = {"uvicorn": ("uvicorn", "httptools"), "granian": ("granian",)}[settings.server]
    return (*server, "uvloop") if settings.loop == "uvloop" else server


@hookimpl
def polyfn_provider() -> Provider:
    """Describe Google Cloud Run."""
    return Provider(
        name="gcp",
        api=1,
        summary="Google Cloud Run: a container that serves HTTP, events and jobs",
        # No stream: Google Cloud has no ordered log that is pushed over HTTP. No defer: an instance gets CPU
        # during requests alone, unless the service is set otherwise. A delivery is one message, so its
        # failure is told exactly; a delay is passed on, and heeded by Cloud Tasks (see checks).
        capabilities=frozenset(Capability) - {Capability.STREAM, Capability.DEFER},
        platforms=(Platform("amd64", GLIBC), Platform("arm64", GLIBC)),
        runtime="polyfn_gcp.runtime.start",
        ships=("polyfn_gcp.runtime",),
        settings=GcpSettings,
        package=_package,
        # Of Google's base images and buildpacks (https://cloud.google.com/run/docs/runtimes/python).
        platform_pythons=("3.11", "3.12", "3.13", "3.14"),
        several=True,
        formats=("image", "layout", "source"),
        platform_formats=frozenset({"source"}),
        combine=_combine,
        inputs=_inputs,
        emulate=_emulate,
        sampler=_sampler,
        dialect=_dialect,
        checks=_checks,
        needs=_needs,
        rules=RULES,
    )
