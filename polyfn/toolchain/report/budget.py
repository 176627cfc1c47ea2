"""Holds an artifact to `[tool.polyfn.budget]`, and names the culprits where it is above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from packaging.utils import canonicalize_name

from polyfn.toolchain.errors import BudgetError
from polyfn.toolchain.project.settings import Budget
from polyfn.toolchain.report.model import Change, Difference, ImportCost, Imports, Part, Report
from polyfn.toolchain.report.quantities import signed, size_text, time_text

_CULPRITS = 3


def check_budget(budget: Budget, report: Report, difference: Difference | None = None) -> tuple[str, ...]:
    """Return a line for each limit that could not be checked.

    Raises BudgetError, which names every figure above its limit, the limit, what contributes most, and
    what grew since the previous build where that is known.
    """
    faults = [*_sizes(budget, report, difference), *_imports(budget, report, difference)]
    if faults:
        raise BudgetError(
            f"{report.artifact} is above its budget: " + "\n".join(faults),
            hint="leave out or replace what contributes most, or raise the limit in [tool.polyfn.budget]",
        )
    return tuple(_unchecked(budget, report))


def wants_imports(budget: Budget) -> bool:
    """Whether imports must be measured for this budget."""
    return budget.import_ is not None


def _unchecked(budget: Budget, report: Report) -> Iterator[str]:
    if budget.zip is not None and report.size is None:
        yield f"budget.zip is not checked for {report.artifact}: it is a directory"
    if budget.import_ is None:
        return
    reason = report.not_measured if report.slowest is None else "only an emulated processor runs it here"
    if report.slowest is None or report.slowest.emulated:
        yield f"budget.import is not checked for {report.artifact}: {reason}"


def _sizes(budget: Budget, report: Report, difference: Difference | None) -> Iterator[str]:
    for name, limit, size in (
        ("zip", budget.zip, report.size),
        ("unpacked", budget.unpacked, report.unpacked),
    ):
        if limit is None or size is None or size <= limit:
            continue
        packed = name == "zip"
        growth = None if difference is None else difference.size if packed else difference.unpacked
        lines = [f"{name} {size_text(size)}, limit {size_text(limit)}{_since(growth, size_text)}"]
        lines += [f"  {size_text(_of(part, packed)):>9}  {part.title}" for part in _biggest(report, packed)]
        lines += _interpreter(report, packed)
        lines += [f"  {_grown(change, packed)}" for change in _growing(difference, packed)]
        yield "\n".join(lines)


def _imports(budget: Budget, report: Report, difference: Difference | None) -> Iterator[str]:
    slowest, limit = report.slowest, budget.import_
    if limit is None or slowest is None or slowest.emulated or slowest.total <= limit:
        return
    growth = None if difference is None else difference.imports
    head = f"import of {slowest.module} {time_text(slowest.total)}, limit {time_text(limit)}"
    lines = [head + _since(growth, time_text)]
    lines += [f"  {time_text(own):>9}  {name}" for name, own in _slowest(slowest)]
    yield "\n".join(lines)


def _biggest(report: Report, packed: bool) -> list[Part]:
    """What a project can do without: the interpreter and the runtime are in every artifact."""
    chosen = [part for part in report.parts if part.kind not in ("interpreter", "runtime", "start")]
    return sorted(chosen, key=lambda part: -_of(part, packed))[:_CULPRITS]


def _interpreter(report: Report, packed: bool) -> list[str]:
    """What a project has less of a choice in, but some."""
    size = sum(_of(part, packed) for part in report.parts if part.kind == "interpreter")
    return [f"  {size_text(size):>9}  the interpreter, of which `prune` leaves more out"] if size else []


def _of(part: Part, packed: bool) -> int:
    return part.packed if packed and part.packed is not None else part.unpacked


def _growing(difference: Difference | None, packed: bool) -> list[Change]:
    changes = difference.changes if difference is not None else ()
    growing = [change for change in changes if _growth(change, packed) > 0]
    return sorted(growing, key=lambda change: -_growth(change, packed))[:_CULPRITS]


def _growth(change: Change, packed: bool) -> int:
    return change.packed if packed and change.packed is not None else change.unpacked


def _grown(change: Change, packed: bool) -> str:
    """`+3.1 MB  numpy 2.1 since the previous build: added`."""
    what = {"added": "added", "resized": "resized"}.get(change.change, f"{change.before} before")
    title = change.name if change.after is None else f"{change.name} {change.after}"
    return f"{signed(size_text(_growth(change, packed))):>9}  {title} since the previous build ({what})"


def _slowest(imports: Imports) -> list[tuple[str, int]]:
    return [(_titled(cost), cost.self_time) for cost in imports.top[:_CULPRITS]]


def _titled(cost: ImportCost) -> str:
    same = canonicalize_name(cost.package) == canonicalize_name(cost.origin)
    return cost.package if same else f"{cost.package} ({cost.origin})"


def _since(growth: int | None, text: Callable[[int], str]) -> str:
    return "" if not growth else f" ({signed(text(growth))} since the previous build)"
