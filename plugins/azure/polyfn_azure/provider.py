"""What polyfn knows of Azure Functions."""

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
    Emulation,
    Emulator,
    Platform,
    Provider,
    Sample,
)
from polyfn_azure.rules import RULES
from polyfn_azure.settings import AzureSettings

#: Azure's images are Debian 12's (github.com/Azure/azure-functions-docker). No plan has arm64 machines.
GLIBC = (2, 36)


def _package(build: Build) -> Artifact:
    from polyfn_azure.package import package

    return package(build)


def _emulate(emulation: Emulation) -> AbstractAsyncContextManager[Emulator]:
    from polyfn_azure.emulator import emulate

    return emulate(emulation)


def _sampler(entry: FunctionEntry, data: Any) -> Sequence[Sample]:
    from polyfn_azure.samples import sampler

    return sampler(entry, data)


def _dialect() -> Dialect:
    from polyfn_azure.dialect import dialect

    return dialect()


def _checks(manifest: Manifest, settings: BaseModel) -> Sequence[tuple[str, str]]:
    from polyfn_azure.checks import checks

    return checks(manifest, settings)


def _needs(manifest: Manifest, settings: BaseModel, format_: str | None) -> Sequence[str]:  # noqa: ARG001
    """What serves, where it is not Azure's own worker."""
    assert isinstance(settings, AzureSettings)
    if format_ == "native":
        return ()
    servers: Mapping[str, tuple[str, ...]] = {"uvicorn": ("uvicorn", "httptools"), "granian": ("granian",)}
    server = servers[settings.server]
    return (*server, "uvloop") if settings.loop == "uvloop" else server


def _one_by_one(entry: FunctionEntry, settings: BaseModel) -> bool:
    from polyfn_azure.checks import comes_alone

    assert isinstance(settings, AzureSettings)
    return comes_alone(entry, settings)


@hookimpl
def polyfn_provider() -> Provider:
    """Describe Azure Functions."""
    return Provider(
        name="azure",
        api=1,
        summary="Azure Functions: a custom handler in a zip, or the native Python model",
        # The host takes no delay of a retry and no report of a batch's parts, kills without SIGTERM, and
        # gives CPU after a reply for as long as it likes, which no one promises.
        capabilities=frozenset(Capability)
        - {Capability.RETRY_DELAY, Capability.PARTIAL_BATCH, Capability.DEFER, Capability.STOP_HOOKS},
        platforms=(Platform("amd64", GLIBC),),
        absent={"arm64": "no plan of Azure Functions has machines of it"},
        runtime="polyfn_azure.runtime.start",
        ships=("polyfn_azure.runtime",),
        settings=AzureSettings,
        package=_package,
        # Of Flex Consumption with the runtime python (learn.microsoft.com/azure/azure-functions).
        platform_pythons=("3.11", "3.12", "3.13"),
        several=True,
        formats=("zip", "native"),
        platform_formats=frozenset({"native"}),
        emulate=_emulate,
        sampler=_sampler,
        dialect=_dialect,
        checks=_checks,
        needs=_needs,
        one_by_one=_one_by_one,
        rules=RULES,
    )
