"""Sizes against the platform's limits, with what takes the most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polyfn.toolchain.verify.finding import Finding, found
from polyfn.toolchain.verify.owners import biggest
from polyfn.toolchain.verify.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Compare both sizes."""
    unpacked, packed = subject.rules.unpacked_limit, subject.archive.packed
    total = sum(entry.size for entry in subject.entries)
    if unpacked is not None and total > unpacked.size:
        sizes = ((entry.name, entry.size) for entry in subject.files.values())
        message = (
            f"unpacked it has {_mb(total)}, and the platform takes {_mb(unpacked.size)} ({unpacked.source})"
        )
        yield found("PV401", message + _named(subject, sizes), remedy=unpacked.remedy)
    direct = subject.rules.direct_limit
    if direct is not None and packed is not None and packed > direct.size:
        sizes = ((entry.name, entry.size) for entry in subject.files.values())
        message = f"it has {_mb(packed)}, and {_mb(direct.size)} can be uploaded directly ({direct.source})"
        yield found("PV402", message + _named(subject, sizes), remedy=direct.remedy)


def _named(subject: Subject, sizes: Iterable[tuple[str, int]]) -> str:
    lines = [f"\n  {_mb(size):>9}  {name}" for name, size in biggest(sizes, subject.owners)]
    return "; the biggest, unpacked:" + "".join(lines)


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
