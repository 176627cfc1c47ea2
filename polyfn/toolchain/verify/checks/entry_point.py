"""The entry point: what the platform executes, or fails with `Runtime.InvalidEntrypoint`."""

from __future__ import annotations

from collections.abc import Iterator

from polyfn.toolchain.artifacts.archive import Entry
from polyfn.toolchain.verify.finding import Finding, Severity, found
from polyfn.toolchain.verify.subject import Subject

_BOM = b"\xef\xbb\xbf"
#: What even a platform without any language has.
_SHELLS = frozenset({"/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash", "/usr/bin/env"})


def check(subject: Subject) -> Iterator[Finding]:
    """Look at each file that the platform's rules name."""
    if subject.layout.source == "platform":
        return
    for name in subject.rules.entry:
        entry = _entry(subject, name)
        if entry is None:
            yield _missing(subject, name)
            continue
        yield from _mode(entry)
        if entry.kind == "file" and entry.obstacle is None:
            yield from _content(subject, entry)


def _entry(subject: Subject, name: str) -> Entry | None:
    return next((entry for entry in reversed(subject.entries) if entry.name == name), None)


def _missing(subject: Subject, name: str) -> Finding:
    elsewhere = sorted(path for path in subject.files if path.rpartition("/")[2] == name)
    if elsewhere:
        return found("PV101", f"there is no {name} at the root, but there is {elsewhere[0]}", elsewhere[0])
    if not subject.layout.manifest and not subject.layout.own and _has_handler(subject):
        message = f"there is no {name}: only the platform's own Python could run this"
        return found("PV101", message, severity="warning", remedy="polyfn package makes an artifact with one")
    return found("PV101", f"there is no {name}")


def _has_handler(subject: Subject) -> bool:
    return any("/" not in path and path.endswith(".py") for path in subject.files)


def _mode(entry: Entry) -> Iterator[Finding]:
    if entry.kind == "folder" or entry.kind == "other":
        yield found("PV107", f"{entry.name} is no file", entry.name)
    elif entry.mode is None:
        message = (
            f"{entry.name} was packed without a Unix mode: the platform cannot know that it is executable"
        )
        yield found("PV103", message, entry.name)
    elif entry.kind == "file" and entry.mode & 0o111 != 0o111:
        yield found(
            "PV102",
            f"{entry.name} has the mode {entry.mode:04o}, which not everybody may execute",
            entry.name,
        )


def _content(subject: Subject, entry: Entry) -> Iterator[Finding]:
    name = entry.name
    if name in subject.elves or subject.kinds.get(name) in ("macho", "pe"):
        return  # the checks of binaries say what is wrong with it
    text = subject.text(name) or b""
    if text.startswith(_BOM):
        yield found("PV105", f"{name} begins with the byte order mark EF BB BF", name)
        text = text[len(_BOM) :]
    if not text.startswith(b"#!"):
        yield found("PV107", f"{name} begins neither with #! nor as a program", name)
        return
    line = text.partition(b"\n")[0]
    if line.endswith(b"\r"):
        yield found(
            "PV104",
            f"{name} has CRLF line ends: the kernel looks for an interpreter with CR in its name",
            name,
        )
    yield from _shebang(subject, name, line[2:].decode("utf-8", "replace").split())


def _shebang(subject: Subject, name: str, words: list[str]) -> Iterator[Finding]:
    if not words:
        yield found("PV106", f"{name} begins with #! and names no interpreter", name)
        return
    if words[0] not in _SHELLS and words[0] not in subject.rules.programs:
        yield found(
            "PV106",
            f"{name} names {words[0]}, which the platform may not have",
            name,
            severity=_sure(subject),
        )
    elif words[0] == "/usr/bin/env" and len(words) > 1 and words[1].startswith("python"):
        message = f"{name} looks for {words[1]} on the PATH, and the platform has none"
        yield found("PV106", message, name, severity=_sure(subject))


def _sure(subject: Subject) -> Severity:
    return "error" if subject.rules.entry else "warning"
