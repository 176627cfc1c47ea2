"""Whether a lock knows what the project asks for now: an older one would leave out the newest dependency."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from polyfn.toolchain.errors import DependencyError
from polyfn.toolchain.project import Project

#: What an entry has instead of a version, if `[tool.uv.sources]` says where it comes from.
_SOURCES = {"editable", "directory", "path", "virtual", "git", "url"}


def refuse_old(project: Project, lock: Path) -> None:
    """Raise DependencyError, naming a requirement that the lock does not have as the project has it."""
    try:
        content = tomllib.loads(lock.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return  # uv says more of it than could be said here
    entries = _entries(project, lock, content)
    if entries is None:
        return
    for text in project.dependencies:
        if not _known(text, entries):
            script = f" --script {project.declared_in.name}" if project.file else ""
            raise DependencyError(
                f"{lock.name} is older than {project.declared_in.name}: it does not know {text!r}",
                hint=f"run uv lock{script}",
            )


def _entries(project: Project, lock: Path, content: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The requirements as they were locked, or None if the lock does not tell."""
    if project.file is not None:
        return list(content.get("manifest", {}).get("requirements", []))
    where = project.root.relative_to(lock.parent).as_posix()
    for package in content.get("package", []):
        source = package.get("source", {})
        if where in (source.get("editable"), source.get("virtual"), source.get("directory")):
            return list(package.get("metadata", {}).get("requires-dist", []))
    return None


def _known(text: str, entries: Iterable[Mapping[str, Any]]) -> bool:
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return True  # uv refuses it in better words
    return any(
        canonicalize_name(entry["name"]) == canonicalize_name(wanted.name)
        and (
            wanted.url is not None
            or not _SOURCES.isdisjoint(entry)
            or SpecifierSet(entry.get("specifier", "")) == wanted.specifier
        )
        for entry in entries
    )
