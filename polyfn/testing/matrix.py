"""The matrix of providers and capabilities, generated from a run of the golden suite.

    python -m polyfn.testing.matrix docs/providers.md

runs the suite against every installed provider and writes what came of it between the page's marks. The
exit status is 1 if a case failed; the page has it all the same.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from polyfn.testing.results import Report, Result, run
from polyfn.toolchain.errors import ToolchainError
from polyfn.toolchain.installed import PROVIDERS, installed
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.provider import Capability

BEGIN, END = (
    "<!-- matrix: python -m polyfn.testing.matrix docs/providers.md -->\n",
    "<!-- end of matrix -->\n",
)


def reports(folder: Path) -> list[Report]:
    """Run the suite against every installed provider; artifacts are kept in `folder`."""
    return [_report(name, folder) for name in sorted(plugin.name for plugin in installed(PROVIDERS))]


def _report(target: str, folder: Path) -> Report:
    provider = Plugins().provider(target)
    if provider.dialect is None or provider.emulate is None:
        # Nothing was run: what it declares stands there as declared, and no more.
        return Report(provider, (), {})
    return run(target, folder)


def render(reports: Sequence[Report]) -> str:
    """Return the generated part of the page, as Markdown."""
    return "\n".join([*_capabilities(reports), *_faults(reports), *_forms(reports), *_fronts(reports)]) + "\n"


def placed(page: str, text: str) -> str:
    """Return the page with another generated part."""
    head, _, rest = page.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        raise ValueError(f"the page lacks a line {BEGIN.strip()!r} with {END.strip()!r} after it")
    return f"{head}{BEGIN}\n{text}\n{END}{tail}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    cells = [list(head), *map(list, rows)]
    yield f"| {' | '.join(cells[0])} |"
    yield "|---" * len(cells[0]) + "|"
    for row in cells[1:]:
        yield f"| {' | '.join(row)} |"


def _capabilities(reports: Sequence[Report]) -> Iterator[str]:
    head = ("capability", *(f"`{report.provider.name}`" for report in reports))
    yield from _table(head, ((f"`{one}`", *(_cell(one, of) for of in reports)) for one in Capability))


def _cell(capability: Capability, report: Report) -> str:
    """What a provider makes of a capability: claimed, and held to it by every case that could be run."""
    if capability not in report.provider.capabilities:
        return "no"
    mine = [one for one in report.results if one.case.capability is capability and one.state != "absent"]
    failed = sum(one.state == "failed" for one in mine)
    if failed:
        return f"**fails**: {failed} of {_cases(len(mine))}"
    return f"yes, {_cases(len(mine))}" if mine else "declared, no case"


def _cases(count: int) -> str:
    return f"{count} case" if count == 1 else f"{count} cases"


def _faults(reports: Sequence[Report]) -> Iterator[str]:
    """The cases that a provider does not pass although it declares what they are about."""
    yield from ("", "Cases that fail, that need another capability, or that the platform answers itself:", "")
    rows = [row for report in reports for row in _unpassed(report)]
    yield from _table(("provider", "case", "why"), rows) if rows else ("none.",)


def _unpassed(report: Report) -> Iterator[tuple[str, str, str]]:
    for one in report.results:
        if one.state != "passed" and one.case.capability in report.provider.capabilities:
            yield f"`{report.provider.name}`", f"`{one.case.name}`", _why(one)


def _why(result: Result) -> str:
    lines = [line.strip() for line in result.detail.splitlines()]
    return "<br>".join(lines).replace("|", "\\|")


def _forms(reports: Sequence[Report]) -> Iterator[str]:
    yield from ("", "The forms in which events were delivered, and what each has no place for:", "")
    rows = [row for report in reports for row in _forms_of(report)]
    yield from _table(("provider", "trigger", "form", "not told", "the platform's own"), rows)


def _forms_of(report: Report) -> Iterator[tuple[str, ...]]:
    for (kind, name), form in report.forms.items():
        untold, own = (
            ", ".join(sorted(_WORDS.get(one, one) for one in of)) for of in (form.untold, form.own)
        )
        yield f"`{report.provider.name}`", kind, name, untold or "-", own or "-"


def _fronts(reports: Sequence[Report]) -> Iterator[str]:
    yield from ("", "The ways in which HTTP came, and the cases that one of them does not carry:", "")
    rows = [row for report in reports for row in _fronts_of(report)]
    yield from _table(("provider", "way in", "case", "why"), rows)


def _fronts_of(report: Report) -> Iterator[tuple[str, ...]]:
    if report.provider.dialect is None or not report.results:
        return
    for front in report.provider.dialect().fronts:
        for name, why in front.lacks.items() or (("", "-"),):
            yield f"`{report.provider.name}`", front.name, f"`{name}`" if name else "-", why


#: What is called otherwise on the page: the golden functions have one attribute, `color`.
_WORDS = {"color": "attributes", "delay": "retry delay"}


def main(arguments: Sequence[str]) -> int:
    """Write the page. Returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m polyfn.testing.matrix PAGE\n")
        return 2
    page = Path(arguments[0])
    with tempfile.TemporaryDirectory(prefix="polyfn-golden-") as folder:
        try:
            made = reports(Path(folder))
        except ToolchainError as error:
            sys.stderr.write(f"error[{error.code}]: {error}\n")
            return 3
    page.write_text(placed(page.read_text(), render(made)))
    return int(any(one.state == "failed" for report in made for one in report.results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
