"""What an ELF file says of itself: read from its bytes, never by running it.

So it works for every architecture, and for files of a machine that is not this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The machine field of the header, in the words of `Arch`.
MACHINES = {"EM_X86_64": "amd64", "EM_AARCH64": "arm64"}


@dataclass(frozen=True)
class Elf:
    """The facts of one ELF file that packaging asks for.

    | attribute | content |
    |---|---|
    | `machine` | `amd64`, `arm64`, or another machine as the ELF standard names it (`EM_386`) |
    | `interpreter` | path of the loader (PT_INTERP), None for libraries and static programs |
    | `needed` | names of the libraries it is linked with (DT_NEEDED), in order |
    | `rpath`, `runpath` | directories to search, as written: `$ORIGIN` is not expanded |
    | `glibc` | highest GLIBC symbol version asked for, such as (2, 34), or None |
    """

    machine: str
    interpreter: str | None
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]
    glibc: tuple[int, int] | None


def is_elf(path: Path) -> bool:
    """Whether this is a regular file that begins as an ELF file does."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def read(path: Path) -> Elf | None:
    """Return what the file says of itself, or None where it is no (sound) ELF file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
        # Imported where a file is read: what comes out of the cache has been read before.
        from elftools.elf.elffile import ELFFile

        try:
            return _read(ELFFile(file))
        except Exception:  # noqa: BLE001  # pyelftools believes a header: damage surfaces as any error
            return None


def _read(elf: Any) -> Elf:
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.segments import InterpSegment

    interpreter: str | None = None
    needed: list[str] = []
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    for segment in elf.iter_segments():
        if isinstance(segment, InterpSegment):
            interpreter = segment.get_interp_name()
        elif isinstance(segment, DynamicSegment):
            tag: Any
            for tag in segment.iter_tags():
                if tag.entry.d_tag == "DT_NEEDED":
                    needed.append(tag.needed)
                elif tag.entry.d_tag == "DT_RPATH":
                    rpath = _directories(tag.rpath)
                elif tag.entry.d_tag == "DT_RUNPATH":
                    runpath = _directories(tag.runpath)
    machine = elf.header.e_machine
    return Elf(
        machine=MACHINES.get(machine, str(machine)),
        interpreter=interpreter,
        needed=tuple(needed),
        rpath=rpath,
        runpath=runpath,
        glibc=_glibc(elf),
    )


def _directories(value: str) -> tuple[str, ...]:
    return tuple(part for part in value.split(":") if part)


def _glibc(elf: Any) -> tuple[int, int] | None:
    from elftools.elf.gnuversions import GNUVerNeedSection

    versions: list[tuple[int, int]] = []
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, auxiliaries in section.iter_versions():
                versions.extend(
                    version for auxiliary in auxiliaries if (version := parse_glibc(auxiliary.name))
                )
    return max(versions, default=None)


def parse_glibc(symbol_version: str) -> tuple[int, int] | None:
    """Return (2, 34) for `GLIBC_2.34` and (2, 2) for `GLIBC_2.2.5`; None for any other name."""
    prefix, _, number = symbol_version.partition("_")
    parts = number.split(".")
    if prefix != "GLIBC" or len(parts) < 2 or not all(part.isdigit() for part in parts):
        return None
    return int(parts[0]), int(parts[1])
