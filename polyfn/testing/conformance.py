"""The golden suite as a pytest class, which a provider's tests subclass.

    from polyfn.testing import ProviderConformance


    class TestGolden(ProviderConformance):
        target = "tarball"

Every golden case is one test. A case that needs a capability which the provider does not declare is
skipped, with the capability's name, and one that no front carries with the reason. The artifact is packaged
once per session, by whichever test process needs it first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from polyfn.testing.case import AbsentError, Case, LackedError
from polyfn.testing.cases import every
from polyfn.testing.stage import Stage

__all__ = ["ProviderConformance"]


class ProviderConformance:
    """Runs every golden case against the finished artifact of `target`."""

    target: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def golden_stage(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Golden]:
        """The artifact, its emulators and the loop that they live in."""
        with asyncio.Runner() as runner:
            stage = Stage(cls.target, shared(tmp_path_factory))
            try:
                yield Golden(runner, stage)
            finally:
                runner.run(stage.__aexit__())

    @pytest.mark.parametrize("case", every(), ids=lambda case: case.name)
    def test_golden(self, case: Case, golden_stage: Golden) -> None:
        """The finished artifact does here what it does on every platform."""
        golden_stage.check(case)


def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where artifacts are kept for the session: one directory for all processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


class Golden:
    """A stage, and the loop that its emulators live in from one test to the next."""

    def __init__(self, runner: asyncio.Runner, stage: Stage) -> None:
        self._runner, self._stage = runner, stage

    def check(self, case: Case) -> None:
        """Run a case. Skips the test, with the reason, where it cannot be run here."""
        try:
            self._runner.run(case.check(self._stage))
        except (AbsentError, LackedError) as absent:
            pytest.skip(str(absent))
