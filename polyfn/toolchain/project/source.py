"""The spelling `PATH::function` that `run` and `invoke` take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain.errors import UsageError


@dataclass(frozen=True)
class Source:
    """What was named: a path, and one function in it or None."""

    path: Path
    function: str | None = None


def parse_source(text: str) -> Source:
    """Parse `hello.py`, `hello.py::hello` or `DIRECTORY::hello`. Raises UsageError."""
    path, mark, function = text.partition("::")
    if not path or (mark and not function) or "::" in function:
        raise UsageError(
            f"{text!r}: expected PATH or PATH::function",
            hint="for example hello.py::hello, or . for the project in this directory",
        )
    return Source(Path(path), function or None)
