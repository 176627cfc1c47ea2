"""Digests of what goes into a build: they name the entries of the cache, so that content alone counts."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def key(**parts: Any) -> str:
    """Return the digest of named parts, each of which is JSON or becomes text."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def tree(root: Path) -> str:
    """Return a digest of names, contents, executable bits and links under a directory."""
    digest = hashlib.sha256()
    for name in walk(root):
        path = root / name
        if path.is_symlink():
            content = "link " + os.fspath(path.readlink())
        else:
            content = f"{path.stat().st_mode & 0o100} {file(path)}"
        digest.update(f"{name}\0{content}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def walk(root: Path) -> list[str]:
    """Return the relative names of all files and links under a directory, sorted."""
    names: list[str] = []
    for folder, folders, files in os.walk(root):
        here = os.path.relpath(folder, root)
        prefix = "" if here == "." else here + "/"
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        names += [prefix + name for name in (*files, *links)]
    return sorted(names, key=os.fsencode)


@functools.cache
def code(package: str) -> str:
    """Return a digest of an installed top-level package's sources."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    origin = spec.origin if spec is not None else None
    if not places:
        return file(Path(origin)) if origin and Path(origin).is_file() else ""
    digest = hashlib.sha256()
    for place in sorted(places):
        for path in sorted(Path(place).rglob("*.py")):
            digest.update(path.relative_to(place).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def version(distribution: str) -> str:
    """Return the installed version of a distribution."""
    return importlib.metadata.version(distribution)


def environment(ignored: Iterable[str] = ()) -> str:
    """Return a digest of this process's environment, without what only tells of the terminal."""
    skipped = {*_VOLATILE, *ignored}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in skipped and not name.startswith(("POLYFN_", "SSH_", "XDG_SESSION", "PYTEST_"))
    }
    return key(environment=kept)


_VOLATILE = {
    "_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "TERM", "TMPDIR", "WINDOWID", "COLORTERM", "NO_COLOR",
    "FORCE_COLOR", "TTY", "TMUX", "TMUX_PANE", "STY", "INVOCATION_ID", "JOURNAL_STREAM", "SOURCE_DATE_EPOCH",
}  # fmt: skip
