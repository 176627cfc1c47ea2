"""`polyfn package`: artifacts that can be deployed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from polyfn.toolchain.cli.options import json_option, option, target_option
from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.errors import UsageError

if TYPE_CHECKING:
    from polyfn.toolchain.provider import Arch, Artifact

_ARCHS = ("amd64", "arm64")


@click.command("package", short_help="Make artifacts that can be deployed.")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@target_option(required=True, help="Platform to package for.")
@option("--arch", multiple=True, metavar="ARCH[,ARCH]", help="amd64, arm64 or both; amd64 if left out.")
@option("--python", metavar="3.X", help="Python version inside the artifact.")
@option("--interpreter", metavar="SOURCE", help="managed, host, platform, or the path of an archive.")
@option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("dist"), show_default=True,
        metavar="DIR", help="Where to write the artifacts.")  # fmt: skip
@json_option
@click.pass_obj
def command(
    output: Output,
    path: Path,
    target: str,
    arch: tuple[str, ...],
    python: str | None,
    interpreter: str | None,
    out: Path,
) -> None:
    """Make one artifact per architecture from a project or a file.

    The path of each is a line on stdout.
    """
    from polyfn.toolchain import packaging
    from polyfn.toolchain.plugins import Plugins

    request = packaging.PackageRequest(
        path=path, target=target, archs=archs(arch), python=python, interpreter=interpreter, out=out
    )
    plugins = Plugins(warn=output.warn)
    plugins.provider(target)  # a wrong --target is told before anything is read
    artifacts = packaging.package(request, log=output.say, plugins=plugins)
    if output.json:
        output.result({"artifacts": [asdict(artifact) for artifact in artifacts]})
        return
    _report(output, artifacts)
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


def _report(output: Output, artifacts: list[Artifact]) -> None:
    rows = [
        [a.arch, _size(a.size), _size(a.unpacked_size), str(a.files), a.sha256[:16], str(a.path)]
        for a in artifacts
    ]
    output.table(["arch", "size", "unpacked", "files", "sha256", "artifact"], rows, data=False)


def _size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 100_000 else f"{number / 1e3:.1f} kB"
