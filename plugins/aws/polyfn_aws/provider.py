"""What polyfn knows of AWS Lambda."""

from __future__ import annotations

from collections.abc import Sequence
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
from polyfn_aws.rules import RULES
from polyfn_aws.settings import AwsSettings

#: provided.al2023 is Amazon Linux 2023, which has glibc 2.34 on both architectures
#: (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-provided.html).
GLIBC = (2, 34)


def _package(build: Build) -> Artifact:
    from polyfn_aws.package import package

    return package(build)


def _emulate(emulation: Emulation) -> AbstractAsyncContextManager[Emulator]:
    from polyfn_aws.emulator import emulate

    return emulate(emulation)


def _sampler(entry: FunctionEntry, data: Any) -> Sequence[Sample]:
    from polyfn_aws.samples import sampler

    return sampler(entry, data)


def _dialect() -> Dialect:
    from polyfn_aws.dialect import dialect

    return dialect()


def _checks(manifest: Manifest, settings: BaseModel) -> Sequence[tuple[str, str]]:
    from polyfn_aws.checks import checks

    return checks(manifest, settings)


@hookimpl
def polyfn_provider() -> Provider:
    """Describe AWS Lambda."""
    return Provider(
        name="aws",
        api=1,
        summary="AWS Lambda: a zip with its own interpreter for provided.al2023",
        # No retry-delay: a reply to SQS cannot carry one. No concurrency: one invocation at a time.
        capabilities=frozenset(Capability) - {Capability.RETRY_DELAY, Capability.CONCURRENCY},
        platforms=(Platform("amd64", GLIBC), Platform("arm64", GLIBC)),
        runtime="polyfn_aws.runtime.start",
        ships=("polyfn_aws.runtime",),
        # Not 3.11: its managed runtime is Amazon Linux 2, whose glibc is 2.26. The later ones are those that
        # the API itself names: the values of Runtime in botocore's model of Lambda.
        platform_pythons=("3.12", "3.13", "3.14", "3.15"),
        settings=AwsSettings,
        package=_package,
        emulate=_emulate,
        sampler=_sampler,
        dialect=_dialect,
        checks=_checks,
        rules=RULES,
    )
