"""Symbol versions: what binaries ask of glibc and of the compiler's libraries, against what there is."""

from __future__ import annotations

from collections.abc import Iterator

from polyfn.toolchain.verify.checks.grouping import grouped
from polyfn.toolchain.verify.elf import Elf, dotted, number
from polyfn.toolchain.verify.finding import Finding
from polyfn.toolchain.verify.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Compare the highest versions."""
    glibc, whose = available(subject)
    if glibc is not None:
        hits = []
        for name, facts in _mine(subject):
            needs = highest(facts, "GLIBC")
            if needs is not None and needs > glibc:
                hits.append((name, f"needs glibc {dotted(needs)}, and {whose} has {dotted(glibc)}"))
        yield from grouped(subject, "PV202", hits)
    for prefix, has in subject.rules.library_versions.items():
        carried = _carried(subject, prefix)
        ceiling = max(has, carried) if carried else has
        hits = []
        for name, facts in _mine(subject):
            needs = highest(facts, prefix)
            if needs is not None and needs > ceiling:
                hits.append(
                    (name, f"needs {prefix}_{dotted(needs)}, and the platform has {prefix}_{dotted(has)}")
                )
        yield from grouped(subject, "PV203", hits)


def available(subject: Subject) -> tuple[tuple[int, ...] | None, str]:
    """Return the glibc that the artifact will run with, and whose it is."""
    loaders = any(name.rpartition("/")[2].startswith("ld-linux") for name in subject.elves)
    carried = _defined(subject, "libc.so.6", "GLIBC") if loaders else None
    if carried is not None:
        return carried, "the libc that the artifact carries"
    if subject.system is not None and subject.system.glibc is not None:
        return subject.system.glibc, "the image"
    platform = subject.provider.platform(subject.arch) if subject.provider and subject.arch else None
    if platform is None or subject.provider is None:
        return None, ""
    return platform.glibc, f"the platform {subject.provider.name}"


def highest(facts: Elf, prefix: str) -> tuple[int, ...] | None:
    """Return the highest version of this kind that a binary asks for."""
    asked = (number(version, prefix) for versions in facts.versions.values() for version in versions)
    return max((version for version in asked if version), default=None)


def _mine(subject: Subject) -> Iterator[tuple[str, Elf]]:
    """The binaries that are for the right machine: of the others that is enough to say."""
    yield from ((name, facts) for name, facts in subject.elves.items() if facts.machine == subject.arch)


def _carried(subject: Subject, prefix: str) -> tuple[int, ...] | None:
    library = {"GLIBCXX": "libstdc++.so.6", "CXXABI": "libstdc++.so.6", "GCC": "libgcc_s.so.1"}.get(prefix)
    return None if library is None else _defined(subject, library, prefix)


def _defined(subject: Subject, library: str, prefix: str) -> tuple[int, ...] | None:
    offers = (
        number(version, prefix)
        for name, facts in _mine(subject)
        if library in (name.rpartition("/")[2], facts.soname)
        for version in facts.defines
    )
    return max((version for version in offers if version), default=None)
