"""One finding for a distribution with forty wrong files, not forty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polyfn.toolchain.verify.finding import Finding, Severity, found
from polyfn.toolchain.verify.subject import Subject


def grouped(
    subject: Subject, code: str, hits: Iterable[tuple[str, str]], *, severity: Severity | None = None
) -> Iterator[Finding]:
    """Make one finding per owner and text. `hits` are paths with what is said of them (`is for arm64`)."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path, text in hits:
        groups.setdefault((owner(subject, path) or path, text), []).append(path)
    for (whose, text), paths in groups.items():
        front = "" if whose == paths[0] else f"{whose}: "
        rest = "" if len(paths) == 1 else f" (and {len(paths) - 1} more of its files)"
        yield found(code, f"{front}{paths[0]} {text}{rest}", paths[0], severity=severity)


def owner(subject: Subject, path: str) -> str | None:
    """Return what a message calls the part that a file belongs to: a distribution with its wheel's tags."""
    distribution = subject.owners.of(path)
    if distribution is not None:
        tags = ", ".join(distribution.tags)
        return f"{distribution} (wheel {tags})" if tags else str(distribution)
    if path in subject.layout.programs or path.startswith("python/lib/"):
        return "the interpreter"
    return None
