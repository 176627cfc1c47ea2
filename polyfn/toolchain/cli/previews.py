"""How `polyfn package --explain` and `--dry-run` look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.preview import Preview


def show(output: Output, previews: Sequence[Preview], *, explain: bool, dry_run: bool) -> None:
    """Write what was asked for to stdout."""
    if output.json:
        output.result({"previews": [asdict(one) for one in previews]})
        return
    for one in previews:
        output.say(f"{one.arch}: Python {one.python} ({one.interpreter}), dependencies of {one.requirements}")
        if explain or one.distributions:
            _choices(output, one, full=explain)
        if dry_run:
            _contents(output, one)


def _choices(output: Output, one: Preview, *, full: bool) -> None:
    rows = [
        [choice.name, choice.version, choice.file, choice.reason, *([choice.counted()] if full else [])]
        for choice in one.distributions
    ]
    columns = ["distribution", "version", "file", "why", *(["other files"] if full else [])]
    output.table(columns, rows)


def _contents(output: Output, one: Preview) -> None:
    output.table(["carried"], [[f"app/{name}"] for name in one.files])
    rows = [
        [path, f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB", keep or "-"]
        for path, size, keep in one.left_out
    ]
    if rows:
        output.table(["left out of the interpreter", "size", "kept by keep ="], rows)
