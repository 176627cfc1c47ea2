"""Runs the golden suite against a target and tells what became of every case."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from polyfn.testing.case import AbsentError, Case, GoldenError, LackedError
from polyfn.testing.cases import every
from polyfn.testing.stage import Stage
from polyfn.toolchain.dialect import Form
from polyfn.toolchain.errors import ToolchainError
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.provider import Provider

State = Literal["passed", "failed", "absent"]


@dataclass(frozen=True)
class Result:
    """What became of one case; `detail` says why it did not pass."""

    case: Case
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """What became of every case on one target, and the forms that events were delivered in."""

    provider: Provider
    results: tuple[Result, ...]
    forms: Mapping[tuple[str, str], Form]


def run(
    target: str, folder: Path, *, cases: Iterable[Case] | None = None, plugins: Plugins | None = None
) -> Report:
    """Run cases, every golden one if None, against the finished artifact of a target, made in `folder`.

    Raises PolyfnError where no artifact can be made, PluginError where the provider has no dialect.
    """
    return asyncio.run(_run(target, folder, tuple(every() if cases is None else cases), plugins))


async def _run(target: str, folder: Path, cases: tuple[Case, ...], plugins: Plugins | None) -> Report:
    async with Stage(target, folder, plugins=plugins) as stage:
        results = [await result(case, stage) for case in cases]
        return Report(stage.provider, tuple(results), stage.forms)


async def result(case: Case, stage: Stage) -> Result:
    """Run one case."""
    try:
        await case.check(stage)
    except (AbsentError, LackedError) as absent:
        return Result(case, "absent", str(absent))
    except (GoldenError, ToolchainError) as error:
        return Result(case, "failed", str(error))
    return Result(case, "passed")
