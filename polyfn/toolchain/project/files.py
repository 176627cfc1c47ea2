"""Which of the user's files travel: the code, and none of what only development needs."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from polyfn.toolchain.errors import ProjectError
from polyfn.toolchain.project.model import Project

#: Never carried, whatever `include` says: none of it is source, and some of it is huge.
_NEVER = {
    ".git", ".hg", ".svn", ".jj", "__pycache__", ".venv", "node_modules",
    ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox", ".hypothesis",
}  # fmt: skip
#: Left out unless `include` names it: build outputs, tests and what only tools read.
_TOP = {"dist", "build", "tests", "test", "pyproject.toml", "uv.lock", "requirements.txt"}


def select(project: Project, *, out: Path | None = None) -> list[tuple[Path, str]]:
    """Return (file, path in the bundle's `app`) of every file to carry, sorted by the latter.

    `out` is a directory that is never carried: the artifacts of the last run are there.
    """
    found = {name: path for path, name in (*_code(project, out), *_included(project, out))}
    exclude = project.settings.exclude
    return [(path, name) for name, path in sorted(found.items()) if not _matches(name, exclude)]


def _code(project: Project, out: Path | None) -> Iterator[tuple[Path, str]]:
    if project.file is not None:
        yield project.file, project.file.name
        return
    modules = {module.partition(".")[0] for module in project.modules}
    for path in _walk(project.base, out):
        name = path.relative_to(project.base).as_posix()
        top = name.partition("/")[0]
        if _for_development(name) and top not in modules:
            continue
        if not any(part.startswith(".") for part in name.split("/")):
            yield path, name


def _included(project: Project, out: Path | None) -> Iterator[tuple[Path, str]]:
    for pattern in project.settings.include:
        if pattern.startswith("/") or ".." in pattern.split("/"):
            raise ProjectError(
                f"include = {pattern!r} leads out of the project's directory",
                hint="include takes globs relative to the project's directory, such as 'templates/**'",
            )
        for found in sorted(project.root.glob(pattern)):
            for path in _walk(found, out) if found.is_dir() else [found]:
                if path.is_file() and not _kept_home(path, project.root, out, pattern):
                    start = project.base if path.is_relative_to(project.base) else project.root
                    yield path, path.relative_to(start).as_posix()


def _kept_home(path: Path, root: Path, out: Path | None, pattern: str) -> bool:
    """Whether an included file stays out all the same: a wildcard is no wish for secrets."""
    inside = path.relative_to(root)
    if any(_pruned(root / folder, out) for folder in inside.parents if folder.name):
        return True
    # Nor for build outputs and tests: who wants them names them, `tests/golden.json`.
    if _for_development(inside.as_posix()) and Path(pattern).parts[0] in ("*", "**"):
        return True
    # Credentials hide (.netrc, .npmrc, .aws/): who wants a hidden file names it, `.well-known/**`.
    if any(part.startswith(".") for part in inside.parts) and not _names_hidden(pattern):
        return True
    return path.name.startswith(".env") and not Path(pattern).name.startswith(".env")


def _for_development(name: str) -> bool:
    parts = name.split("/")
    return parts[0] in _TOP or any(part.endswith(".egg-info") for part in parts)


def _names_hidden(pattern: str) -> bool:
    return any(part.startswith(".") for part in pattern.split("/"))


def _walk(start: Path, out: Path | None) -> Iterator[Path]:
    """Every file under `start`, through links to directories that do not lead back up."""
    for folder, folders, files in os.walk(start, followlinks=True):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not _pruned(here / name, out))
        for name in sorted(files):
            path = here / name
            if not name.endswith((".pyc", ".pyo")) and path.is_file():
                yield path


def _pruned(folder: Path, out: Path | None) -> bool:
    if folder.name in _NEVER or (folder / "pyvenv.cfg").exists():
        return True
    if folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve()):
        return True
    return out is not None and folder.resolve() == out.resolve()


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern fits the path, a directory above it, or, without a slash, any part of it."""
    parts = name.split("/")
    paths = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return any(
        fnmatch.fnmatchcase(candidate, pattern.rstrip("/"))
        for pattern in patterns
        for candidate in (paths if "/" in pattern.rstrip("/") else parts)
    )
