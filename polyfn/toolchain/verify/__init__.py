"""`polyfn verify`: whether an artifact will run where it is going, told from its bytes alone.

    verify(path, provider) -> list[Finding]          for any zip, tar or directory
    refuse(findings, name)                           ArtifactError where one is an error
    target_of(path)                                  the target that polyfn.json names

One pass looks at the first bytes of every entry, reads the binaries, and after it each check reads
what it still needs. Nothing in the artifact is run, imported or written to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain.artifacts.archive import opened
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Arch, Provider
from polyfn.toolchain.verify.checks import (
    abi,
    binaries,
    bytecode,
    entry_point,
    libraries,
    missing,
    modes,
    names,
    secrets,
    sizes,
    symbols,
)
from polyfn.toolchain.verify.finding import CODES, SEVERITIES, Finding
from polyfn.toolchain.verify.subject import Subject

__all__ = ["CODES", "SEVERITIES", "Finding", "Report", "inspect", "refuse", "target_of", "verify"]

_CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    entry_point.check,
    names.check,
    modes.check,
    binaries.check,
    symbols.check,
    libraries.check,
    abi.check,
    bytecode.check,
    missing.check,
    sizes.check,
    secrets.check,
)


@dataclass(frozen=True)
class Report:
    """What was found, and what was taken for granted: `arch` and `python` are None where nothing tells."""

    findings: tuple[Finding, ...]
    arch: Arch | None
    python: str | None


def verify(
    path: Path, provider: Provider | None, *, arch: Arch | None = None, ignore: Collection[str] = ()
) -> list[Finding]:
    """Return every finding, the worst first.

    Without a provider only what holds everywhere is looked at. `arch` is what the artifact has to be
    for; else polyfn.json tells, or its binaries. `ignore` are codes of findings to leave out. Raises
    ArtifactError for what is no archive.
    """
    return list(inspect(path, provider, arch=arch, ignore=ignore).findings)


def inspect(
    path: Path, provider: Provider | None, *, arch: Arch | None = None, ignore: Collection[str] = ()
) -> Report:
    """Do what `verify` does, and tell more of the artifact."""
    with opened(path, arch=arch) as archive:
        subject = Subject(archive, provider, arch)
        subject.scan()
        found = [finding for check in _CHECKS for finding in check(subject)]
        every = dict.fromkeys(one for one in [*found, *subject.findings] if one.code not in ignore)
        ordered = sorted(every, key=lambda finding: (SEVERITIES.index(finding.severity), finding.code))
        return Report(tuple(ordered), subject.arch, subject.layout.python)


def target_of(path: Path) -> str | None:
    """Return the target that an artifact's polyfn.json names, None if it has none. Raises ArtifactError."""
    with opened(path) as archive:
        target = Subject(archive).layout.manifest.get("target")
        return target if isinstance(target, str) else None


def refuse(findings: Iterable[Finding], name: str) -> None:
    """Raise ArtifactError for findings that are errors. `name` is the artifact's."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        lines = [f"{finding.code}: {finding.message}" for finding in errors]
        more = [f"... and {len(lines) - 10} more (polyfn verify {name})"] if len(lines) > 10 else []
        raise ArtifactError(
            f"{name} would not run on its platform\n" + "\n".join([*lines[:10], *more]),
            hint=errors[0].remedy,
        )
