"""ELF files as the loader sees them: program headers and the dynamic section, from bytes.

A bundle has hundreds of them, and a stripped file has no section headers: so this reads the few
fields that verification asks for, and nothing else. Facts: the System V gABI, chapters 4 and 5, and
the LSB's symbol versioning (`Elfxx_Verneed`, `Elfxx_Verdef`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAGIC = b"\x7fELF"

#: e_machine to the words of `Arch`, or what people call the machine.
_MACHINES = {
    3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm (32 bit)", 62: "amd64", 183: "arm64",
    243: "riscv", 247: "bpf", 258: "loongarch",
}  # fmt: skip
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_NEEDED, _STRTAB, _SONAME = 1, 5, 14
_VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
#: ld.so only complains about a missing weak version.
_WEAK = 2
#: More than any sound file has: what a damaged one says is not believed.
_MOST = 4096


class NotSoundError(Exception):
    """The bytes begin like an ELF file and are none."""


@dataclass(frozen=True)
class Elf:
    """What one file says of itself.

    `program` is false for relocatable files and core dumps, which no loader loads. `versions` are the
    symbol versions asked for, by the library they are asked of; `defines` those that it offers.
    """

    machine: str
    program: bool
    interpreter: str | None = None
    needed: tuple[str, ...] = ()
    soname: str | None = None
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defines: tuple[str, ...] = ()


def parse(data: bytes) -> Elf:
    """Read an ELF file. Raises NotSoundError.

    Of machines that are neither amd64 nor arm64 only the header is read.
    """
    try:
        kind, machine = struct.unpack_from(">HH" if data[5] == 2 else "<HH", data, 16)
        called = _MACHINES.get(machine, f"machine {machine}")
        if data[4] == 1 and called in ("amd64", "arm64"):
            called = {"amd64": "x32", "arm64": "arm64 (ILP32)"}[called]
        if called not in ("amd64", "arm64") or kind not in (2, 3):
            return Elf(called, kind in (2, 3))
        return _Reader(data).read(called)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise NotSoundError(str(error)) from None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        (start,) = struct.unpack_from("<Q", data, 0x20)
        size, count = struct.unpack_from("<HH", data, 0x36)
        self.segments = [struct.unpack_from("<IIQQQQ", data, start + size * index) for index in range(count)]
        self.dynamic = list(self._dynamic())
        self.tags = dict(reversed(self.dynamic))
        self.strings = self._offset(self.tags[_STRTAB]) if _STRTAB in self.tags else 0

    def read(self, machine: str) -> Elf:
        soname = self.tags.get(_SONAME)
        return Elf(
            machine=machine,
            program=True,
            interpreter=next(
                (self._at(offset) for kind, _, offset, *_ in self.segments if kind == _INTERP), None
            ),
            needed=tuple(self._name(value) for tag, value in self.dynamic if tag == _NEEDED),
            soname=None if soname is None else self._name(soname),
            versions=dict(self._asked()),
            defines=tuple(self._offered()),
        )

    def _dynamic(self) -> Iterator[tuple[int, int]]:
        for kind, _, offset, _, _, size in self.segments:
            if kind == _DYNAMIC:
                for place in range(offset, offset + min(size, 16 * _MOST) - 15, 16):
                    tag, value = struct.unpack_from("<qQ", self.data, place)
                    if tag == 0:
                        return
                    yield tag, value

    def _offset(self, address: int) -> int:
        for kind, _, offset, start, _, size in self.segments:
            if kind == _LOAD and start <= address < start + size:
                return int(address - start + offset)
        raise ValueError(f"no segment has the address {address:#x}")

    def _at(self, offset: int) -> str:
        return self.data[offset : self.data.index(b"\0", offset)].decode("utf-8", "replace")

    def _name(self, index: int) -> str:
        return self._at(self.strings + index)

    def _asked(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        if _VERNEED not in self.tags:
            return
        place = self._offset(self.tags[_VERNEED])
        for _ in range(min(self.tags.get(_VERNEEDNUM, 0), _MOST)):
            _, count, library, first, following = struct.unpack_from("<HHIII", self.data, place)
            yield self._name(library), tuple(self._auxiliaries(place + first, count))
            place += following

    def _auxiliaries(self, place: int, count: int) -> Iterator[str]:
        for _ in range(min(count, _MOST)):
            _, flags, _, name, following = struct.unpack_from("<IHHII", self.data, place)
            if not flags & _WEAK:
                yield self._name(name)
            place += following

    def _offered(self) -> Iterator[str]:
        if _VERDEF not in self.tags:
            return
        place = self._offset(self.tags[_VERDEF])
        for _ in range(min(self.tags.get(_VERDEFNUM, 0), _MOST)):
            _, _, _, _, _, first, following = struct.unpack_from("<HHHHIII", self.data, place)
            yield self._name(struct.unpack_from("<I", self.data, place + first)[0])
            place += following


def number(version: str, prefix: str) -> tuple[int, ...] | None:
    """Return (2, 34) for `GLIBC_2.34` and the prefix `GLIBC`; None for another name."""
    head, _, rest = version.partition("_")
    if head != prefix:
        return None
    # ld.so before 2.36 does not know packed relative relocations, and refuses them by this name.
    if version == "GLIBC_ABI_DT_RELR":
        return (2, 36)
    parts = rest.split(".")
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else None


def dotted(version: tuple[int, ...]) -> str:
    """Return `2.34` for (2, 34)."""
    return ".".join(map(str, version))
