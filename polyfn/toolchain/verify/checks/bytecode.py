"""Bytecode: whether Python uses it, and whether it is of the source beside it.

Facts: PEP 552 (the header: magic, flags, then time and size of the source, or its hash) and the magic
numbers in CPython's Include/internal/pycore_magic_number.h.
"""

from __future__ import annotations

import _imp
from collections.abc import Iterator

from polyfn.toolchain import pythons
from polyfn.toolchain.verify.finding import Finding, found
from polyfn.toolchain.verify.subject import Subject

#: Of the releases; those of alphas and betas differ.
MAGIC = {"3.9": 3425, "3.10": 3439, "3.11": 3495, "3.12": 3531, "3.13": 3571, "3.14": 3627, "3.15": 3666}
_HASH, _CHECKED = 1, 2
#: Before 3.11 the hash was another function.
_HASHED_ALIKE = 3450


def check(subject: Subject) -> Iterator[Finding]:
    """Look at every .pyc file."""
    old, timed, checked = [], [], []
    for path, head in subject.heads.items():
        if not path.endswith(".pyc") or len(head) < 16:
            continue
        source = source_of(path)
        there = source is not None and source in subject.files
        if _unused(subject, path, source):
            continue
        if (version := _of_another(subject, head)) is not None:
            if there:
                old.append(path)
            else:
                yield found("PV306", f"{path} is bytecode of Python {version}", path)
            continue
        flags = int.from_bytes(head[4:8], "little")
        if there and not flags & _HASH:
            timed.append(path)
        elif there and flags & _CHECKED:
            checked.append(path)
        elif there and source is not None and _stale(subject, head, source):
            yield found("PV309", f"{path} was not compiled from {source}", path)
    python = subject.layout.python
    yield from _each("PV305", old, f"is of another Python than {python}")
    yield from _each("PV307", timed, "depends on the time of its source")
    yield from _each("PV308", checked, "is checked against its source")


def _unused(subject: Subject, path: str, source: str | None) -> bool:
    """Whether no import ever looks at it: in `__pycache__` without a source, elsewhere beside one."""
    if source is not None:
        return source not in subject.files
    # This one is named to the interpreter, and not imported.
    return path != "start.pyc" and path.removesuffix("c") in subject.files


def source_of(path: str) -> str | None:
    """Return the source that bytecode in `__pycache__` is for, as PEP 3147 lays it out; None elsewhere."""
    folder, _, file = path.rpartition("/")
    outer, _, last = folder.rpartition("/")
    return f"{outer}/{file.partition('.')[0]}.py".lstrip("/") if last == "__pycache__" else None


def _each(code: str, paths: list[str], text: str) -> Iterator[Finding]:
    """One finding for all files: whoever compiled one of them so compiled them all so."""
    if paths:
        rest = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
        yield found(code, f"{paths[0]} {text}{rest}", paths[0])


def _of_another(subject: Subject, head: bytes) -> str | None:
    number = int.from_bytes(head[:2], "little")
    wanted = MAGIC.get(pythons.plain(subject.layout.python or ""))
    if wanted is None or (number == wanted and head[2:4] == b"\r\n"):
        return None
    return next(
        (version for version, one in MAGIC.items() if one == number), f"with the magic number {number}"
    )


def _stale(subject: Subject, head: bytes, source: str) -> bool:
    key = int.from_bytes(head[:4], "little")
    if key & 0xFFFF < _HASHED_ALIKE:
        return False
    text = subject.text(source)
    return text is not None and _imp.source_hash(key, text) != head[8:16]
