"""Runs the command line in front of a real pseudo-terminal, and reads the screen as a person would."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

# Takes the terminal for its own, as a shell's foreground job has it: so that Ctrl-C in it is a SIGINT.
_TAKE = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_CODE = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|\r\n|\r|\n|\x08|[^\x1b\r\n\x08]+")


class Screen:
    """As much of a terminal as rich asks for. An escape code that it does not know is an error."""

    def __init__(self) -> None:
        self.lines, self.row, self.column, self.cursor = [""], 0, 0, True

    def feed(self, text: str) -> None:
        for match in _CODE.finditer(text):
            if match[2]:
                self.control(match[1], match[2])
            elif match[0] in ("\r\n", "\n"):
                self.row, self.column = self.row + 1, 0
            elif match[0] == "\r":
                self.column = 0
            else:
                self.put(match[0])

    def put(self, text: str) -> None:
        self.lines += [""] * (self.row + 1 - len(self.lines))
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    def control(self, number: str, code: str) -> None:
        if code == "A":
            self.row -= int(number or 1)
        elif (code, number) == ("K", "2"):
            self.lines += [""] * (self.row + 1 - len(self.lines))
            self.lines[self.row] = ""
        elif code in "hl" and number == "?25":
            self.cursor = code == "h"
        else:
            assert code == "m", f"unknown: {number}{code}"

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")


class Terminal:
    """A command, its terminal, and all that came out of it. stdout may be a pipe, as in `x=$(polyfn ...)`."""

    def __init__(self, process: subprocess.Popen, master: int) -> None:
        self.process, self.master, self.raw = process, master, ""

    def read(self, *, until: str | None = None, seconds: float = 60) -> str:
        """Return what came, until a pattern is in it or the command has ended."""
        deadline = time.monotonic() + seconds
        while until is None or not re.search(until, self.raw):
            assert time.monotonic() < deadline, self.raw
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                got = os.read(self.master, 65536)
            except OSError:  # Linux's way of saying that nobody has the other end open
                got = b""
            if not got:
                assert until is None, f"{until!r} never came: {self.raw}"
                break
            self.raw += got.decode()
        return self.raw

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    @property
    def screen(self) -> Screen:
        screen = Screen()
        screen.feed(self.raw)
        return screen


@contextlib.contextmanager
def opened(
    *arguments: str, environment: dict[str, str], cwd, columns: int = 120, stdout: int | None = None
) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE, sys.executable, "-m", "polyfn", *arguments],
        stdin=slave, stdout=slave if stdout is None else stdout, stderr=slave,
        start_new_session=True, cwd=cwd, env=environment,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        os.close(master)
