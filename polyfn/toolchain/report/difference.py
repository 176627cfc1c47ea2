"""What changed from one build to the next."""

from __future__ import annotations

from typing import Literal

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from polyfn.toolchain.report.model import Change, Difference, Part, Report


def difference(old: Report, new: Report) -> Difference:
    """Compare two reports, part by part."""
    before, after = _by_name(old), _by_name(new)
    pairs = [(before.get(key), after.get(key)) for key in sorted({*before, *after})]
    changes = [change for one, other in pairs if (change := _change(one, other)) is not None]
    slow, slower = old.slowest, new.slowest
    comparable = slow is not None and slower is not None and slow.emulated == slower.emulated
    return Difference(
        against=old.sha256 or old.artifact,
        size=None if old.size is None or new.size is None else new.size - old.size,
        unpacked=new.unpacked - old.unpacked,
        files=new.files - old.files,
        imports=slower.total - slow.total if comparable and slow and slower else None,
        changes=tuple(sorted(changes, key=_weight, reverse=True)),
    )


def _by_name(report: Report) -> dict[tuple[str, str], Part]:
    # A script that was renamed is still the app, and an interpreter of another version the interpreter.
    return {
        (part.kind, canonicalize_name(part.name) if part.kind == "distribution" else ""): part
        for part in report.parts
    }


def _weight(change: Change) -> tuple[int, int]:
    return abs(change.unpacked if change.packed is None else change.packed), abs(change.unpacked)


def _change(old: Part | None, new: Part | None) -> Change | None:
    part = new or old
    assert part is not None
    unpacked = (new.unpacked if new else 0) - (old.unpacked if old else 0)
    packed = (new.packed or 0 if new else 0) - (old.packed or 0 if old else 0)
    word = _word(old, new)
    if word is None and not unpacked and not packed:
        return None
    archived = all(one is None or one.packed is not None for one in (old, new))
    return Change(
        change=word or "resized", kind=part.kind, name=part.name, unpacked=unpacked,
        packed=packed if archived else None,
        before=old.version if old else None, after=new.version if new else None,
    )  # fmt: skip


def _word(old: Part | None, new: Part | None) -> Literal["added", "removed", "up", "down", "changed"] | None:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if old.version == new.version:
        return None
    try:
        return "up" if Version(new.version or "") > Version(old.version or "") else "down"
    except InvalidVersion:
        return "changed"
