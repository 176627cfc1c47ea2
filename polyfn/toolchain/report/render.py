"""A report for people: tables on a terminal, aligned lines anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from polyfn.toolchain.report.model import Change, Difference, ImportNode, Imports, Report
from polyfn.toolchain.report.quantities import signed, size_text, time_text

if TYPE_CHECKING:
    from polyfn.toolchain.cli.output import Output

_LINES = 12
#: The tree of imports, as far as people read it; --json has all of it.
_DEPTH = 3
_LEAST = 0.02
_UNKNOWN = "-"


def show(output: Output, report: Report, difference: Difference | None = None, *, data: bool = True) -> None:
    """Write a report to stdout, or to stderr if it is no `data`."""
    say = output.data if data else output.say
    say(_head(report))
    output.table(*_parts(report), data=data)
    if difference is not None:
        say("\n" + _sum(difference))
        if difference.changes:
            output.table(*_changes(difference), data=data)
    for imports in report.imports:
        say("\n" + _import_head(imports))
        output.table(*_top(imports), data=data)
        say("\n".join(["", *_tree(imports.tree, imports.total * _LEAST)]))


def _head(report: Report) -> str:
    facts = [report.artifact]
    if report.target is not None:
        facts.append(f"{report.target} {report.arch}, Python {report.python}")
    if report.size is not None:
        facts.append(size_text(report.size))
    facts.append(f"{size_text(report.unpacked)} unpacked, {report.files} files")
    if report.sha256 is not None:
        facts.append(f"sha256 {report.sha256[:16]}")
    return "; ".join(facts)


def _parts(report: Report) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            part.kind, part.name, part.version or _UNKNOWN, _size(part.packed), size_text(part.unpacked),
            str(part.files), _wheel(part.wheel),
        ]
        for part in report.parts
    ]  # fmt: skip
    if len(rows) > _LINES:
        left = report.parts[_LINES:]
        packed = sum(part.packed or 0 for part in left) if report.parts[0].packed is not None else None
        unpacked, files = sum(part.unpacked for part in left), sum(part.files for part in left)
        more = ["", f"{len(left)} more", "", _size(packed), size_text(unpacked), str(files), ""]
        rows = [*rows[:_LINES], more]
    return ["part", "name", "version", "size", "unpacked", "files", "wheel"], rows


def _sum(difference: Difference) -> str:
    if not (difference.changes or difference.size or difference.unpacked):
        return "nothing changed since the other build"
    facts = [] if difference.size is None else [signed(size_text(difference.size))]
    facts.append(f"{signed(size_text(difference.unpacked))} unpacked")
    facts.append(f"{difference.files:+d} files")
    if difference.imports is not None:
        facts.append(f"{signed(time_text(difference.imports))} to import")
    return f"since {difference.against[:16]}: {', '.join(facts)}"


def _changes(difference: Difference) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            change.change, change.name, _versions(change),
            _UNKNOWN if change.packed is None else signed(size_text(change.packed)),
            signed(size_text(change.unpacked)),
        ]
        for change in difference.changes[:_LINES]
    ]  # fmt: skip
    return ["change", "name", "version", "size", "unpacked"], rows


def _versions(change: Change) -> str:
    if change.before == change.after:
        return change.after or _UNKNOWN
    return " -> ".join(version for version in (change.before, change.after) if version is not None)


def _import_head(imports: Imports) -> str:
    emulated = ", on an emulated processor" if imports.emulated else ""
    return (
        f"import of {imports.module}: {time_text(imports.total)} ({time_text(imports.runtime)} of it the "
        f"runtime), {imports.modules} modules, median of {imports.runs}{emulated}"
    )


def _top(imports: Imports) -> tuple[list[str], list[list[str]]]:
    rows = [
        [cost.package, cost.origin, time_text(cost.self_time), time_text(cost.cumulative), str(cost.modules)]
        for cost in imports.top
    ]
    return ["package", "of", "self", "with its imports", "modules"], rows


def _tree(nodes: Iterable[ImportNode], least: float, depth: int = 0) -> Iterator[str]:
    for node in nodes:
        if node.cumulative < least:
            continue
        yield f"{time_text(node.cumulative):>10}  {'  ' * depth}{node.module}"
        if depth < _DEPTH:
            yield from _tree(node.imports, least, depth + 1)


def _size(number: int | None) -> str:
    return _UNKNOWN if number is None else size_text(number)


def _wheel(tags: Iterable[str]) -> str:
    """The tags as a wheel's file name has them: what differs, with dots between."""
    sets: list[list[str]] = [
        list(dict.fromkeys(part)) for part in zip(*(tag.split("-") for tag in tags), strict=False)
    ]
    return "-".join(".".join(one) for one in sets) or _UNKNOWN
