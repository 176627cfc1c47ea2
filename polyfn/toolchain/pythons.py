"""Versions of Python, written as CPython and uv write them: `3.13`, `3.13.2`, `3.13t`, `3.13.2t`.

The `t` is for the free-threaded build (PEP 703). CPython names its files so as well
(`bin/python3.13t`, `lib/python3.13t`), so a version stays the text that it is, and what else is in
it is asked for here.
"""

from __future__ import annotations

import sys

#: A regular expression for a version.
PATTERN = r"3\.\d+(\.\d+)?t?"
#: The first version with a free-threaded build.
FIRST_THREADED = (3, 13)


def minor(python: str) -> str:
    """Return `3.13` for `3.13` and for `3.13.2`, `3.13t` for `3.13.2t`."""
    return ".".join(plain(python).split(".")[:2]) + python[len(plain(python)) :]


def plain(python: str) -> str:
    """Return the version without its `t`, as markers, `requires-python` and bytecode know it."""
    return python.removesuffix("t")


def threaded(python: str) -> bool:
    """Whether it is the free-threaded build's."""
    return python.endswith("t")


def numbers(python: str) -> tuple[int, ...]:
    """Return `(3, 13, 2)` for `3.13.2` and for `3.13.2t`."""
    return tuple(int(part) for part in plain(python).split("."))


def running() -> str:
    """Return the full version of the Python that runs this."""
    return ".".join(map(str, sys.version_info[:3])) + "t" * ("t" in getattr(sys, "abiflags", ""))
