"""Names and links: what would be written elsewhere, twice, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from polyfn.toolchain.artifacts.archive import Entry
from polyfn.toolchain.artifacts.paths import inside
from polyfn.toolchain.verify.finding import Finding, found
from polyfn.toolchain.verify.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Look at all names, links, kinds and obstacles."""
    for entry in subject.entries:
        if (fault := _leaves(entry.name)) is not None:
            yield found("PV111", f"{entry.name!r} {fault}", entry.name)
        if entry.kind == "other":
            yield found("PV119", f"{entry.name} is neither a file, a folder nor a link", entry.name)
        if entry.obstacle == "PV116":
            yield found("PV116", f"{entry.name} is encrypted", entry.name)
        if entry.obstacle == "PV117":
            message = f"{entry.name} is neither stored nor deflated, as every reader of zip files knows"
            yield found("PV117", message, entry.name)
    yield from _twice(subject.entries)
    yield from _links(subject.entries)


def _leaves(name: str) -> str | None:
    if name.startswith("/") or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        return "is an absolute path"
    if ".." in name.split("/"):
        return "goes up with '..'"
    if "\\" in name:
        return "has a backslash, which some programs take for a separator"
    if "\0" in name:
        return "has a NUL, where some programs end a name"
    return None if name else "is empty"


def _twice(entries: Iterable[Entry]) -> Iterator[Finding]:
    seen: set[str] = set()
    folded: dict[str, str] = {}
    for entry in entries:
        # A folder may be named as often as one likes.
        if entry.name in seen and entry.kind != "folder":
            yield found("PV112", f"{entry.name} is in the archive twice", entry.name)
        elif (other := folded.get(entry.name.casefold(), entry.name)) != entry.name:
            yield found("PV113", f"{entry.name} and {other} differ only by case", entry.name)
        seen.add(entry.name)
        folded.setdefault(entry.name.casefold(), entry.name)


def _links(entries: Iterable[Entry]) -> Iterator[Finding]:
    entries = list(entries)
    links = [entry for entry in entries if entry.kind == "link" and entry.obstacle is None]
    if not links:
        return
    there = {entry.name for entry in entries}
    there |= {str(parent) for name in there for parent in PurePosixPath(name).parents}
    for link in links:
        if not inside(link.name, link.target):
            yield found("PV114", f"{link.name} is a symbolic link to {link.target!r}", link.name)
        elif _resolved(link) not in there:
            yield found("PV115", f"{link.name} points to {link.target}, which is not there", link.name)


def _resolved(link: Entry) -> str:
    parts = list(PurePosixPath(link.name).parts[:-1])
    for part in PurePosixPath(link.target).parts:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts) or "."
