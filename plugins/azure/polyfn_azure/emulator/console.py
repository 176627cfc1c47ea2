"""The lines that a handler writes, as the host takes them (WorkerProcess.ParseErrorMessageAndLog).

stdout is information, and shown as it is; stderr is an error, or a warning if it says "warn".
"""

from collections.abc import Callable

_SYSTEM = "LanguageWorkerConsoleLog"
_TOOLING = "azfuncjsonlog:"


class Console:
    """Passes lines on with the level that the host gives them."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log

    def out(self, line: str) -> None:
        """Take a line of stdout."""
        self._write(line, "")

    def error(self, line: str) -> None:
        """Take a line of stderr."""
        self._write(line, "[Warning] " if "warn" in line.lower() else "[Error] ")

    def _write(self, line: str, level: str) -> None:
        if line.startswith(_TOOLING):
            return
        if line.startswith(_SYSTEM):
            self._log(f"[System] {line.removeprefix(_SYSTEM)}")
        elif line or not level:
            self._log(level + line)
