"""Binaries: for which machine, system and C library each is."""

from __future__ import annotations

from collections.abc import Iterator

from polyfn.toolchain.verify.checks.grouping import grouped
from polyfn.toolchain.verify.elf import Elf
from polyfn.toolchain.verify.finding import Finding
from polyfn.toolchain.verify.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Look at every binary, whatever its name is."""
    arch = subject.arch
    wrong = [
        (name, f"is for {facts.machine}, and the artifact is for {arch}")
        for name, facts in subject.elves.items()
        if arch is not None and facts.program and facts.machine != arch
    ]
    yield from grouped(subject, "PV201", wrong)
    if not any(name.rpartition("/")[2].startswith("ld-musl-") for name in subject.elves):
        musl = [(name, "is built for musl") for name, facts in subject.elves.items() if _musl(facts)]
        yield from grouped(subject, "PV205", musl)
    for kind, code, text in (("macho", "PV206", "is for macOS"), ("pe", "PV207", "is for Windows")):
        paths = [name for name, one in subject.kinds.items() if one == kind]
        programs = [name for name in paths if kind == "pe" and name.lower().endswith(".exe")]
        entry = subject.rules.entry
        yield from grouped(
            subject, code, [(name, text) for name in paths if name not in programs or name in entry]
        )
        yield from grouped(subject, "PV208", [(name, "is a program for Windows") for name in programs])


def _musl(facts: Elf) -> bool:
    loader = (facts.interpreter or "").rpartition("/")[2]
    # musl's own name for itself; glibc's is libc.so.6.
    return loader.startswith("ld-musl-") or any(
        name == "libc.so" or name.startswith("libc.musl-") for name in facts.needed
    )
