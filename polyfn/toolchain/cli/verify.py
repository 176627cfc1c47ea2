"""`polyfn verify`: whether an artifact will run where it is going."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyfn.toolchain.cli.options import json_option, option, target_option
from polyfn.toolchain.cli.output import Output, rich_in

if TYPE_CHECKING:
    from polyfn.toolchain.provider import Arch, Provider
    from polyfn.toolchain.verify import Finding, Report

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command("verify", short_help="Tell whether an artifact will run where it is going.")
@click.argument("artifact", type=click.Path(path_type=Path))
@target_option(help="Platform it is for; an artifact of polyfn knows its own.")
@option(
    "--arch",
    metavar="ARCH[,ARCH]",
    help="What it must be for; as polyfn.json or the binaries say if left out.",
)
@option("--ignore", metavar="CODE[,CODE]", help="Findings to leave out, such as PV204.")
@option("--strict", is_flag=True, help="Fail for warnings as well.")
@json_option
@click.pass_obj
def command(
    output: Output, artifact: Path, target: str | None, arch: str | None, ignore: str | None, strict: bool
) -> int:
    """Look into a zip file, a tar file or a directory, whoever made it, without running anything of it.

    Exits with 1 if the platform would refuse it or could not run it.
    """
    from polyfn.toolchain.cli.package import archs, codes
    from polyfn.toolchain.verify import inspect, target_of

    allowed = archs((arch,) if arch else ())
    target = target or target_of(artifact)
    provider = _provider(output, target)
    left = codes(ignore)
    report = inspect(artifact, provider, arch=allowed[0] if len(allowed) == 1 else None, ignore=left)
    if len(allowed) > 1 and report.arch not in allowed:
        report = inspect(artifact, provider, arch=allowed[0], ignore=left)
    if output.json:
        findings = [finding.describe() for finding in report.findings]
        known = {"artifact": str(artifact), "target": target, "arch": report.arch, "python": report.python}
        output.result({**known, "findings": findings})
    else:
        _show(output, artifact, report)
    fatal = ("error", "warning") if strict else ("error",)
    return int(any(finding.severity in fatal for finding in report.findings))


def _provider(output: Output, target: str | None) -> Provider | None:
    from polyfn.toolchain.plugins import Plugins

    if target is None:
        output.say("no polyfn.json and no --target: only what holds on every platform is looked at")
        return None
    return Plugins(warn=output.warn).provider(target)


def _show(output: Output, artifact: Path, report: Report) -> None:
    for finding in report.findings:
        output.data(_line(finding))
        output.data(f"  remedy: {finding.remedy}")
    counts = {kind: sum(one.severity == kind for one in report.findings) for kind in _COLOURS}
    told = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items() if count)
    output.say(f"{artifact.name} ({_kind(report.arch, report.python)}): {told or 'nothing to report'}")


def _line(finding: Finding) -> str:
    label = f"{finding.severity}[{finding.code}]"
    if rich_in(sys.stdout):
        label = click.style(label, fg=_COLOURS[finding.severity], bold=True)
    return f"{label}: {finding.message}"


def _kind(arch: Arch | None, python: str | None) -> str:
    return ", ".join([arch or "any architecture", *([f"Python {python}"] if python else [])])
