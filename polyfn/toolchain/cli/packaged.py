"""What `polyfn package` tells of the artifacts that it made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Artifact
from polyfn.toolchain.report import history
from polyfn.toolchain.report.difference import difference
from polyfn.toolchain.report.examiner import Examiner
from polyfn.toolchain.report.model import Difference, Report
from polyfn.toolchain.report.quantities import signed, size_text


@dataclass(frozen=True)
class Made:
    """An artifact, its report (or why there is none), and what differs from the previous build, if any."""

    artifact: Artifact
    report: Report | None = None
    unread: str = ""
    change: Difference | None = None


def examined(artifact: Artifact, examiner: Examiner) -> Made:
    """Examine an artifact, and remember it as that of the last build."""
    try:
        report = examiner.report(artifact)
    except ArtifactError as error:
        return Made(artifact, unread=str(error))  # a plugin's own format
    before = history.previous(report)
    history.remember(report)
    return Made(artifact, report, change=None if before is None else difference(before, report))


def described(one: Made, *, report: bool) -> dict[str, Any]:
    """Return what was made as plain JSON, with or without its report."""
    told = one.report if report else None
    return {
        **asdict(one.artifact),
        "change": None if one.change is None else one.change.model_dump(mode="json"),
        "report": None if told is None else told.model_dump(mode="json", by_alias=True),
    }


def show(output: Output, made: Sequence[Made], *, report: bool) -> None:
    """Write what was made to stderr, in a line for each or with its report."""
    rows = [
        [a.arch, size_text(a.size), size_text(a.unpacked_size), str(a.files), a.sha256[:16], str(a.path)]
        for a in (one.artifact for one in made)
    ]
    output.table(["arch", "size", "unpacked", "files", "sha256", "artifact"], rows, data=False)
    for one in made:
        if report:
            _report(output, one)
        elif one.change is not None and (one.change.size or one.change.changes):
            output.say(f"{one.artifact.arch}, since the previous build: {_told(one.change)}")


def _report(output: Output, one: Made) -> None:
    from polyfn.toolchain.cli.report import tell

    output.say("")
    if one.report is None:
        output.warn(f"{one.artifact.path} has no report: {one.unread}")
        return
    tell(output, one.report, one.change, imports=True, data=False)


def _told(change: Difference) -> str:
    """The size and the largest changes in one line."""
    size = signed(size_text(change.size if change.size is not None else change.unpacked))
    return "; ".join([size, *(f"{part.name} {part.change}" for part in change.changes[:3])])
