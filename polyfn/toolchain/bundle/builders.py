"""The Pythons on this machine that work for a target: uv resolves with one, and one compiles.

Version and platform are told to uv, but whether the wheels are for the free-threaded build follows
from the interpreter that it works with alone: `--python-version` takes no `3.14t`. Any version of
that kind will do (tried with uv 0.13: a 3.13t takes cp314t wheels for 3.14, of either architecture).
"""

from __future__ import annotations

import functools
from pathlib import Path

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle import interpreter, managed
from polyfn.toolchain.bundle.find import alike, host_arch, installed, runs
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.errors import InterpreterError
from polyfn.toolchain.provider import Arch


def builder(python: str, own: str | None = None) -> str:
    """Return the Python that uv works with: of the target's version if there is one, else of its kind.

    `own` is the bundle's own interpreter, if it is for this machine. Where all are of the other kind,
    one is fetched. Raises InterpreterError if none can be had.
    """
    if (found := installed(python)) is not None:
        return found
    if own is not None and runs([own]):
        return own
    return alike(python) or _fetched(python, cache_folder())


def own(source: str | None, *, arch: Arch, python: str | None, cache: Path) -> str | None:
    """Return the bundle's own interpreter, where it lies unpacked on this machine and is for it."""
    if source in (None, "host", "platform", "linked") or arch != host_arch():
        return None
    return str(interpreter.unpacked(source, arch=arch, python=python, cache=cache).program)


def compiler(python: str) -> str | None:
    """Return the Python that compiles for a target whose own does not run here: one of its minor version.

    The standard build will do for the free-threaded one: magic number, name of the file and code are
    alike; only which of its values marshal marks as shared differs (compared for all of 3.13.5's library).
    """
    found = installed(python) or installed(pythons.plain(python))
    if found is None and pythons.threaded(python):
        return _fetched_if_can_be(python, cache_folder())
    return found


@functools.cache
def _fetched_if_can_be(python: str, cache: Path) -> str | None:
    # Asked for several times in a build, and without a network each time costs seconds.
    try:
        return _fetched(python, cache)
    except InterpreterError:
        return None


def _fetched(python: str, cache: Path) -> str:
    try:
        folder = managed.fetch(host_arch(), python, cache)
    except InterpreterError as error:
        kind = "free-threaded" if pythons.threaded(python) else "standard"
        raise InterpreterError(
            f"wheels for Python {python} can be chosen by a {kind} Python alone, and this machine has none: "
            f"{error.message}",
            hint=f"install one, of any version: uv python install {python}",
        ) from None
    return str(folder / "bin" / f"python{pythons.minor(python)}")
