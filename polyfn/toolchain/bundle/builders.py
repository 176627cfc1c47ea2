"""The Python on this machine that uv works with for a target.

Version and platform are told to uv, but whether the wheels are for the free-threaded build follows
from the interpreter that it works with alone: `--python-version` takes no `3.14t`. Any version of
that kind will do (tried with uv 0.13: a 3.13t takes cp314t wheels for 3.14, of either architecture).
"""

from __future__ import annotations

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
