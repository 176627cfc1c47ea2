"""The lines that a process writes, given to a log as they come."""

import asyncio
import os
from collections.abc import Callable

#: A longer line is cut: no log of any platform keeps it whole.
LONGEST = 256 * 1024


class Lines:
    """The reading end of a pipe, split into lines."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._rest = b""
        self._reader = -1

    def open(self) -> int:
        """Make the pipe and return its writing end, which the caller closes."""
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        asyncio.get_running_loop().add_reader(self._reader, self.read)
        return writer

    def read(self) -> None:
        """Log every line that has been written up to now."""
        while self._reader >= 0:
            try:
                data = os.read(self._reader, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                self.close()
                return
            self._split(self._rest + data)

    def close(self) -> None:
        """Log an unfinished last line and close the pipe. Does nothing the second time."""
        if self._reader >= 0:
            asyncio.get_running_loop().remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1
        rest, self._rest = self._rest, b""
        if rest:
            self._log(rest.decode("utf-8", "replace"))

    def _split(self, data: bytes) -> None:
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            self._write(line)
        while len(self._rest) > LONGEST:
            self._write(self._rest[:LONGEST])
            self._rest = self._rest[LONGEST:]

    def _write(self, line: bytes) -> None:
        for start in range(0, max(len(line), 1), LONGEST):
            self._log(line[start : start + LONGEST].decode("utf-8", "replace"))
