"""The log, of which parts can be kept for a report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Journal:
    """Passes lines on, and keeps a copy for whoever asked for one."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._copies: list[list[str]] = []

    def write(self, line: str) -> None:
        """Add a line."""
        for copy in self._copies:
            copy.append(line)
        self._log(line)

    @contextmanager
    def kept(self) -> Iterator[list[str]]:
        """Give a list of the lines that are written in the meantime."""
        lines: list[str] = []
        self._copies.append(lines)
        try:
            yield lines
        finally:
            self._copies = [copy for copy in self._copies if copy is not lines]
