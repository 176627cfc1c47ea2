"""`polyfn report`: what an artifact holds, costs, and what changed in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyfn.toolchain.cli.options import existing, json_option, option
from polyfn.toolchain.cli.output import Output

if TYPE_CHECKING:
    from polyfn.toolchain.report.model import Difference, Report


@click.command("report", short_help="Tell what an artifact holds and costs.")
@click.argument("artifact", type=click.Path(path_type=Path))
@option("--against", type=click.Path(path_type=Path), metavar="ARTIFACT",
        help="Artifact to compare with; the previous build if left out.")  # fmt: skip
@option("--imports", is_flag=True, help="Measure what its modules cost to import; this runs them.")
@option("--sbom", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Where to write a CycloneDX document of what is inside.")  # fmt: skip
@json_option
@click.pass_obj
def command(output: Output, artifact: Path, against: Path | None, imports: bool, sbom: Path | None) -> None:
    """Tell what an artifact holds and costs: sizes, versions, wheels, imports, and what changed.

    Nothing of it is run, unless --imports is given. It may be one that polyfn did not make.
    """
    from polyfn.toolchain.report.examine import examine

    existing(artifact, "ARTIFACT")
    report = examine(artifact, imports=imports)
    changed = _difference(report, against, imports=imports)
    if sbom is not None:
        _write(artifact, sbom)
    if output.json:
        output.result(
            {
                "report": report.model_dump(mode="json", by_alias=True),
                "difference": None if changed is None else changed.model_dump(mode="json", by_alias=True),
            }
        )
        return
    tell(output, report, changed, imports=imports)


def tell(
    output: Output, report: Report, changed: Difference | None, *, imports: bool, data: bool = True
) -> None:
    """Write a report for people. If `imports` were asked for and not measured, say why."""
    from polyfn.toolchain.report.render import show

    show(output, report, changed, data=data)
    if imports and report.not_measured is not None:
        output.warn(f"imports were not measured: {report.not_measured}")


def _difference(report: Report, against: Path | None, *, imports: bool) -> Difference | None:
    from polyfn.toolchain.report import history
    from polyfn.toolchain.report.difference import difference
    from polyfn.toolchain.report.examine import examine

    if against is None:
        other = history.previous(report)
    else:
        other = examine(existing(against, "--against"), imports=imports)
    return None if other is None else difference(other, report)


def _write(artifact: Path, path: Path) -> None:
    import os

    from polyfn.toolchain.packaging import epoch
    from polyfn.toolchain.report.sbom import write_sbom

    # Without SOURCE_DATE_EPOCH the document tells no time: a made-up one would be worse than none.
    write_sbom(artifact, path, epoch=epoch() if os.environ.get("SOURCE_DATE_EPOCH") else None)
