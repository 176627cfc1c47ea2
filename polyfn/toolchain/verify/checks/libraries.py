"""Shared libraries: whether what a binary is linked with is in the artifact or on the platform.

A library counts as there if any file of the artifact has its name: where the loader looks depends on
RPATH, LD_LIBRARY_PATH and on what is loaded already.
"""

from __future__ import annotations

from collections.abc import Iterator

from polyfn.toolchain.verify.checks.grouping import grouped
from polyfn.toolchain.verify.finding import Finding
from polyfn.toolchain.verify.subject import Subject

#: glibc's own libraries (https://sourceware.org/glibc/manual/, "Installing"); since 2.34 some are empty.
GLIBC = frozenset({
    "libc.so.6", "libm.so.6", "libmvec.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1",
    "libresolv.so.2", "libanl.so.1", "libBrokenLocale.so.1", "libthread_db.so.1", "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1", "linux-vdso.so.1",
})  # fmt: skip


def check(subject: Subject) -> Iterator[Finding]:
    """Look for the libraries of every binary."""
    there = {
        name.rpartition("/")[2] for name, facts in subject.elves.items() if facts.machine == subject.arch
    }
    there |= {
        facts.soname for facts in subject.elves.values() if facts.soname and facts.machine == subject.arch
    }
    there |= {entry.name.rpartition("/")[2] for entry in subject.entries if entry.kind == "link"}
    there |= _given(subject)
    hits = [
        (name, f"needs {library}, which is neither in the artifact nor on the platform")
        for name, facts in subject.elves.items()
        if facts.machine == subject.arch
        for library in facts.needed
        # musl's are the subject of another check.
        if library.rpartition("/")[2] not in there and library != "libc.so" and "musl" not in library
    ]
    # Of the interpreter's own modules most are never imported.
    spare = f"{subject.layout.stdlib}/"
    sure = [hit for hit in hits if not hit[0].startswith(spare)]
    # Without a target nobody knows what the platform has.
    yield from grouped(subject, "PV204", sure, severity="error" if subject.rules.libraries else "warning")
    rest = [hit for hit in hits if hit[0].startswith(spare)]
    yield from grouped(subject, "PV204", rest, severity="warning")


def _given(subject: Subject) -> frozenset[str]:
    """The libraries that the artifact need not carry. An image that holds a bundle has its own alone."""
    if subject.system is not None and subject.layout.manifest:
        return subject.system.libraries | {"linux-vdso.so.1"}
    return GLIBC | subject.rules.libraries
