"""Where words go: data to stdout, messages to stderr, plain unless somebody looks at a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

#: Version of every JSON object on stdout. Bumped when a reader would have to change.
SCHEMA = 1

_TRUE = ("1", "true", "t", "yes", "y", "on")


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for JSON; read before parsing, for errors of parsing."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before or os.environ.get("POLYFN_JSON", "").lower() in _TRUE


def rich_in(stream: IO[str]) -> bool:
    """Whether `stream` takes colours and tables: a terminal does, unless NO_COLOR is set.

    FORCE_COLOR stands for a terminal, and 0 there for none. NO_COLOR has the last word.
    """
    if os.environ.get("NO_COLOR"):
        return False
    force = os.environ.get("FORCE_COLOR", "")
    return force != "0" if force else stream.isatty()


def written(text: str) -> None:
    """Write a message to stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


class Output:
    """What one command writes with. `json` and `debug` are the options of these names."""

    def __init__(self, *, json: bool = False, debug: bool = False) -> None:
        self.json = json
        self.debug = debug
        #: How messages are written; another one while something is live on the terminal.
        self.write: Callable[[str], None] = written

    def say(self, text: str) -> None:
        """Write a message for people."""
        self.write(text)

    def label(self, label: str, text: str, colour: str) -> None:
        """Write `label: text` for people, with the label in colour on a terminal."""
        if rich_in(sys.stderr):
            import click

            label = click.style(label, fg=colour, bold=True)
        self.say(f"{label}: {text}")

    def warn(self, text: str) -> None:
        """Write one line of warning."""
        self.label("warning", text, "yellow")

    def data(self, text: str) -> None:
        """Write a line of data."""
        print(text, flush=True)  # noqa: T201

    def raw(self, payload: bytes) -> None:
        """Write bytes of data, and end the line."""
        sys.stdout.flush()
        sys.stdout.buffer.write(payload if payload.endswith(b"\n") else payload + b"\n")
        sys.stdout.buffer.flush()

    def result(self, content: Mapping[str, Any]) -> None:
        """Write the one JSON object of a `--json` command."""
        import json

        self.data(json.dumps({"schema": SCHEMA, **content}, ensure_ascii=False, default=str))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, data: bool = True) -> None:
        """Write a table to stdout, or to stderr if it is no `data`: aligned text, rich on a terminal."""
        stream = sys.stdout if data else sys.stderr
        if rich_in(stream):
            _rich(columns, rows, stream)
            return
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in [columns, *rows]:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip(), file=stream, flush=True)


def _rich(columns: Sequence[str], rows: Sequence[Sequence[str]], stream: IO[str]) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    # Folded where the terminal is narrow: a path that is cut off cannot be copied.
    folded = (Column(column, overflow="fold") for column in columns)
    table = Table(*folded, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(file=stream).print(table)
