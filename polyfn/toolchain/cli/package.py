"""`polyfn package`: artifacts that can be deployed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from polyfn.toolchain.cli.options import json_option, option, target_option
from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.cli.progress import shown
from polyfn.toolchain.errors import UsageError

if TYPE_CHECKING:
    from polyfn.toolchain.provider import Arch, Artifact

_ARCHS = ("amd64", "arm64")


@click.command("package", short_help="Make artifacts that can be deployed.")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@target_option(required=True, help="Platform to package for.")
@option("--arch", multiple=True, metavar="ARCH[,ARCH]", help="amd64, arm64 or both; amd64 if left out.")
@option("--python", metavar="3.X[t]", help="Python version inside the artifact; t: free-threaded.")
@option("--interpreter", metavar="SOURCE", help="managed, host, platform, or the path of an archive.")
@option("--format", metavar="NAME", help="Form of the artifact, where the target has several.")
@option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("dist"), show_default=True,
        metavar="DIR", help="Where to write the artifacts.")  # fmt: skip
@option("--explain", is_flag=True, help="Tell why each wheel is chosen, and build nothing.")
@option("--dry-run", is_flag=True, help="Tell what would go in and what is left out, and build nothing.")
@option("--refresh", is_flag=True, help="Make everything anew, whatever the cache has.")
@option("--ignore", metavar="CODE[,CODE]", help="Findings of verification to leave out, such as PV204.")
@option("--with-sbom", is_flag=True, help="Write a CycloneDX document beside each artifact.")
@option("--report", is_flag=True, help="Tell what each artifact holds and costs to import; this runs it.")
@json_option
@click.pass_obj
def command(
    output: Output,
    path: Path,
    target: str,
    arch: tuple[str, ...],
    python: str | None,
    interpreter: str | None,
    format: str | None,  # noqa: A002  the option's name
    out: Path,
    explain: bool,
    dry_run: bool,
    refresh: bool,
    ignore: str | None,
    with_sbom: bool,
    report: bool,
) -> None:
    """Make one artifact per architecture from a project or a file; some targets make one of all.

    The path of each is a line on stdout.
    """
    from polyfn.toolchain import packaging
    from polyfn.toolchain.cli import packaged
    from polyfn.toolchain.plugins import Plugins
    from polyfn.toolchain.report.examiner import Examiner

    request = packaging.PackageRequest(
        path=path, target=target, archs=archs(arch), python=python, interpreter=interpreter, out=out,
        refresh=refresh, verify=True, ignore=codes(ignore), format=format,
    )  # fmt: skip
    plugins = Plugins(warn=output.warn)
    plugins.provider(target)  # a wrong --target is told before anything is read
    if explain or dry_run:
        from polyfn.toolchain.cli import previews
        from polyfn.toolchain.preview import preview

        with shown(output):
            found = preview(request, log=output.say, plugins=plugins)
        previews.show(output, found, explain=explain, dry_run=dry_run)
        return
    examiner = Examiner(imports=report)
    with shown(output):
        artifacts = packaging.package(request, log=output.say, plugins=plugins, examiner=examiner)
        made = [packaged.examined(artifact, examiner) for artifact in artifacts]
    if with_sbom:
        _write_sboms(artifacts, output)
    if output.json:
        output.result({"artifacts": [packaged.described(one, report=report) for one in made]})
        return
    packaged.show(output, made, report=report)
    for artifact in artifacts:
        output.data(str(artifact.path))


def archs(values: tuple[str, ...]) -> tuple[Arch, ...]:
    """Parse `--arch`, given once or several times. Raises UsageError."""
    names = [name.strip() for value in values for name in value.split(",")]
    for name in names:
        if name not in _ARCHS:
            raise UsageError(f"--arch {name!r}: expected {' or '.join(_ARCHS)}", hint=_arch_hint(name))
    return cast("tuple[Arch, ...]", tuple(dict.fromkeys(names)))


def _arch_hint(name: str) -> str:
    """What other tools call the same machines."""
    other = {"x86_64": "amd64", "x64": "amd64", "aarch64": "arm64", "armv8": "arm64"}.get(name.lower())
    return f"polyfn calls it {other}" if other else "give both as --arch amd64,arm64"


def codes(value: str | None) -> tuple[str, ...]:
    """Parse `--ignore`. Raises UsageError for what is no code of a finding."""
    if not value:
        return ()
    from polyfn.toolchain.verify import CODES

    names = tuple(code.strip().upper() for code in value.split(",") if code.strip())
    for code in names:
        if code not in CODES:
            raise UsageError(
                f"--ignore {code}: there is no such finding", hint="docs/verify.md lists them all"
            )
    return names


def _write_sboms(artifacts: list[Artifact], output: Output) -> None:
    from polyfn.toolchain.report.sbom import write_sbom

    for artifact in artifacts:
        path = artifact.path.with_name(artifact.path.name + ".cdx.json")
        write_sbom(artifact.path, path, epoch=None)
        output.say(f"wrote {path}")
