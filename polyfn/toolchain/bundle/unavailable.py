"""Remembers which interpreters uv could not fetch: trying in vain costs seconds, in every build."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from polyfn.toolchain.bundle import digests
from polyfn.toolchain.bundle.find import default_python
from polyfn.toolchain.errors import InterpreterError
from polyfn.toolchain.provider import Arch

#: Seconds for which it is remembered.
MEMORY = 600


@contextlib.contextmanager
def remembered(arch: Arch, python: str | None, cache: Path, refresh: bool) -> Iterator[None]:
    """Raise the InterpreterError of the last attempt, or remember the one that the block raises."""
    note = _note(arch, python, cache)
    if not refresh and (message := _fresh(note)) is not None:
        raise InterpreterError(message)
    try:
        yield
    except InterpreterError as error:
        _write(note, error.message)
        raise


def _note(arch: Arch, python: str | None, cache: Path) -> Path:
    about = {
        name: value for name, value in os.environ.items() if name.startswith("UV_") or "proxy" in name.lower()
    }
    return cache / "unavailable" / digests.key(arch=arch, python=python or default_python(), about=about)


def _fresh(note: Path) -> str | None:
    try:
        return note.read_text(encoding="utf-8") if time.time() - note.stat().st_mtime < MEMORY else None
    except OSError:
        return None


def _write(note: Path, message: str) -> None:
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        part = note.with_name(f"{note.name}.{os.getpid()}")
        part.write_text(message, encoding="utf-8")
        part.replace(note)
