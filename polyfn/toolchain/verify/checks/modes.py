"""Modes: what the platform's user, which is not the owner, could not read."""

from __future__ import annotations

from collections.abc import Iterator

from polyfn.toolchain.verify.finding import Finding, found
from polyfn.toolchain.verify.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Files need r for others, folders r and x. One finding for each kind, with the first of them."""
    closed = {"file": (0o004, "r"), "folder": (0o005, "r and x")}
    for kind, (bits, words) in closed.items():
        names = [
            (entry.name, entry.mode)
            for entry in subject.entries
            if entry.kind == kind and entry.mode is not None and entry.mode & bits != bits
        ]
        if names:
            name, mode = names[0]
            rest = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            yield found("PV118", f"{name} has the mode {mode:04o}: others lack {words}{rest}", name)
