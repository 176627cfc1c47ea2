"""`polyfn check`: what a platform cannot do for a project, before it is deployed there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyfn.toolchain.cli.options import json_option, target_option
from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.errors import UnknownTargetError

if TYPE_CHECKING:
    from polyfn.toolchain.checks import Finding
    from polyfn.toolchain.plugins import Plugins
    from polyfn.toolchain.provider import Provider


@click.command("check", short_help="Tell what a platform cannot do for a project.")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@target_option(multiple=True, help="Platform to check for; all installed ones if left out.")
@json_option
@click.pass_obj
def command(output: Output, path: Path, target: tuple[str, ...]) -> int:
    """Tell what a platform cannot do for the functions of a project.

    Exits with 1 if a function cannot run on one of the platforms.
    """
    from polyfn.toolchain.plugins import Plugins as Loader

    plugins = Loader(warn=output.warn)
    providers = [plugins.provider(name) for name in dict.fromkeys(target)] or plugins.providers()
    if not providers:
        raise UnknownTargetError(
            "there is no target to check for: no platform is installed that can be loaded",
            hint="polyfn providers lists the installed platforms",
        )
    findings = [finding for one in providers for finding in _find(output, path, one, plugins)]
    if output.json:
        targets = [provider.name for provider in providers]
        output.result({"targets": targets, "findings": [finding.describe() for finding in findings]})
    else:
        _show(output, providers, findings)
    return int(any(finding.severity == "error" for finding in findings))


def _find(output: Output, path: Path, provider: Provider, plugins: Plugins) -> list[Finding]:
    from polyfn.toolchain import choices, packaging
    from polyfn.toolchain.checks import check

    project, manifest = packaging.inspect(path, provider.name, log=output.say, plugins=plugins)
    settings = choices.settings(project, provider, output.say)
    return check(manifest, provider, settings, plugins.hook)


def _show(output: Output, providers: list[Provider], findings: list[Finding]) -> None:
    for finding in findings:
        place = f" ({finding.place})" if finding.place else ""
        output.data(f"{finding.severity}: {finding.target}: {finding.message}{place}")
    for provider in providers:
        if not any(finding.target == provider.name for finding in findings):
            output.say(f"{provider.name}: nothing to report")
