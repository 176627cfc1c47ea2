"""The system that an image brings along: the libraries that the loader finds below the bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from polyfn.toolchain.artifacts.archive import Archive, DamagedError
from polyfn.toolchain.verify import elf

#: Where ld.so looks unless it is told otherwise (ld.so(8), and Debian's and Ubuntu's ld.so.conf.d).
_PLACE = re.compile(r"(?:usr/(?:local/)?)?lib(?:64)?/(?:[^/]+-linux-gnu/)?(?P<name>[^/]+)")
#: glibc's own name, and that of its file until 2.33, to which the other is a link.
_LIBC = re.compile(r"libc\.so\.6|libc-2\.\d+\.so")
_LIMIT = 64 << 20


@dataclass(frozen=True)
class System:
    """`libraries` are the names that can be found, `glibc` is its version: None where there is none."""

    libraries: frozenset[str]
    glibc: tuple[int, ...] | None


def system(archive: Archive) -> System | None:
    """Return what an image has below its bundle, None for what is no image: its platform has the system."""
    if archive.below is None:
        return None
    places = [match for entry in archive.below if (match := _PLACE.fullmatch(entry.name))]
    return System(frozenset(match["name"] for match in places), max(_glibc(archive), default=None))


def _glibc(archive: Archive) -> Iterator[tuple[int, ...]]:
    for entry in archive.below or ():
        match = _PLACE.fullmatch(entry.name)
        if match is None or entry.kind != "file" or not _LIBC.fullmatch(match["name"]):
            continue
        try:
            facts = elf.parse(archive.read(entry, _LIMIT))
        except (elf.NotSoundError, DamagedError):
            continue
        yield from filter(None, (elf.number(version, "GLIBC") for version in facts.defines))
