"""Which Python compiles a bundle's bytecode.

Two releases of one minor version read each other's bytecode, but need not write the same: a line
table may differ, and between the standard and the free-threaded build what is marked as shared. So
the interpreter that goes into the bundle compiles it, where it runs on this machine; else one of
exactly its version, fetched if need be; else one of its minor version.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle import archive, managed, unavailable
from polyfn.toolchain.bundle.find import host_arch, installed
from polyfn.toolchain.errors import InterpreterError
from polyfn.toolchain.provider import Arch

Log = Callable[[str], None]

_ASK = """
import sys
print("%d.%d.%d" % sys.version_info[:3] + "t" * ("t" in sys.abiflags))
print(sys.version, sys.implementation.cache_tag)
"""


@dataclass(frozen=True)
class Compiler:
    """A Python that runs here. `build` is what it says of itself: it stands for the bytes that it writes."""

    program: str
    version: str
    build: str


def choose(
    version: str,
    *,
    arch: Arch,
    source: str,
    program: Path | None,
    cache: Path,
    log: Log,
    refresh: bool = False,
) -> Compiler | None:
    """Return what compiles for an interpreter, None where this machine has nothing and can get nothing.

    `version` is the interpreter's, `3.x.y`, or `3.x` where the platform has its own; `source` is where
    it is from, `program` its executable before it went into a bundle. `log` is told in one line where
    the choice falls short.
    """
    candidates = _candidates(version, arch, source, program, cache, refresh)
    chosen = next((found for path in candidates if (found := _asked(str(path))) is not None), None)
    if chosen is None:
        log(
            f"no bytecode for {arch}: there is no Python {version} for this machine, and cold starts will be "
            f"slower (uv python install {version})"
        )
    elif version.count(".") > 1 and chosen.version != version:
        log(
            f"compiling for Python {version} with {chosen.version}: on another machine the bytes may differ "
            f"(uv python install {version})"
        )
    return chosen


def _candidates(
    version: str, arch: Arch, source: str, program: Path | None, cache: Path, refresh: bool
) -> Iterator[str | Path]:
    if program is not None and arch == host_arch():
        yield program
    yield from _installed(version)
    if source == "managed":  # the network was there for one architecture
        yield from _fetched(version, cache, refresh)
    # Of both kinds the code, the magic number and the names of files are the same.
    for wanted in (version, pythons.plain(version)):
        yield from _installed(wanted)
        yield from _installed(pythons.minor(wanted))
    yield from _fetched(version, cache, refresh)


def _installed(version: str) -> Iterator[str]:
    if (found := installed(version)) is not None:
        yield found


def _fetched(version: str, cache: Path, refresh: bool) -> Iterator[Path]:
    try:
        with unavailable.remembered(host_arch(), version, cache, refresh):
            folder = managed.fetch(host_arch(), version, cache)
        yield archive.find(folder, host_arch(), version, folder.name).program
    except InterpreterError:
        return


@functools.cache
def _asked(program: str) -> Compiler | None:
    """Ask a Python for its version and build; None where it does not run here."""
    try:
        answer = subprocess.run(
            [program, "-I", "-S", "-B", "-c", _ASK], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    version, _, build = answer.stdout.partition("\n")
    return Compiler(program, version, build) if answer.returncode == 0 else None
