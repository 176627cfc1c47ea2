"""Reading a project from PATH."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyfn.toolchain.errors import ProjectError
from polyfn.toolchain.project import layout, script
from polyfn.toolchain.project.model import Project
from polyfn.toolchain.project.settings import read

_EXAMPLE = 'write [tool.polyfn] with module = "..." into it, or name one .py file'


def load(path: Path | str) -> Project:
    """Read the project or script at `path`. Raises ProjectError for whatever is wrong with it."""
    path = Path(path)
    if path.name == "pyproject.toml":
        path = path.parent
    if path.is_dir():
        return _directory(path.resolve())
    if path.is_file():
        return _file(path.resolve())
    raise ProjectError(f"{path} does not exist", hint="PATH is a project's directory or one Python file")


def _directory(root: Path) -> Project:
    declared_in = root / "pyproject.toml"
    if not declared_in.is_file():
        found = layout.candidates(root)
        one = f"; or name one file: {found[0].replace('.', '/')}.py" if found else ""
        raise ProjectError(
            f"{root} has no pyproject.toml", hint=f'make one with [tool.polyfn] and module = "..."{one}'
        )
    document = _toml(declared_in)
    table = _table(document, "tool", "polyfn", where="pyproject.toml")
    if table is None:
        raise ProjectError(f"{declared_in} has no table [tool.polyfn]", hint=_EXAMPLE)
    settings = read(table, "pyproject.toml")
    if not settings.all_modules:
        found = layout.candidates(root)
        example = found[0] if found else "app"
        raise ProjectError(
            "pyproject.toml: [tool.polyfn] names no module",
            hint=f'name the module that declares the functions: module = "{example}"',
        )
    project = _table(document, "project", where="pyproject.toml") or {}
    return Project(
        name=settings.name or _name(str(project.get("name", root.name))),
        root=root,
        base=layout.base(root, settings.all_modules, "pyproject.toml"),
        modules=settings.all_modules,
        settings=settings,
        declared_in=declared_in,
        dependencies=_strings(project, "dependencies", "pyproject.toml: project"),
        requires_python=_string(project, "requires-python", "pyproject.toml: project"),
        has_sources=bool(_table(document, "tool", "uv", "sources", where="pyproject.toml")),
    )


def _file(path: Path) -> Project:
    if path.suffix != ".py":
        raise ProjectError(
            f"{path.name} is no Python file", hint="PATH is a project's directory or one .py file"
        )
    _check_stem(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path.name} is not UTF-8: {error}") from None
    block = script.read(text, path.name)
    table = _table(block, "tool", "polyfn", where=path.name) or {}
    settings = read(table, path.name)
    return Project(
        name=settings.name or _name(path.stem),
        root=path.parent,
        base=path.parent,
        modules=(path.stem,),
        settings=settings,
        declared_in=path,
        file=path,
        dependencies=_strings(block, "dependencies", path.name),
        requires_python=_string(block, "requires-python", path.name),
    )


def _check_stem(path: Path) -> None:
    """A file is imported by its stem, so the stem has to be a name that nothing else has."""
    if not path.stem.isidentifier():
        raise ProjectError(
            f"{path.name} cannot be imported: {path.stem!r} is no Python identifier",
            hint=f"rename it, for example to {re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}.py",
        )
    if path.stem in sys.stdlib_module_names or path.stem == "polyfn":
        owner = "polyfn itself" if path.stem == "polyfn" else "a module of Python's standard library"
        raise ProjectError(f"{path.name} has the name of {owner}", hint="give the file another name")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path} is not TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path} is not UTF-8: {error}") from None


def _table(document: Mapping[str, Any], *keys: str, where: str) -> dict[str, Any] | None:
    """Return a nested table, or None if it is not there."""
    value: Any = document
    for depth, key in enumerate(keys, 1):
        if key not in value:
            return None
        value = value[key]
        if not isinstance(value, dict):
            raise ProjectError(f"{where}: [{'.'.join(keys[:depth])}] is {value!r}; expected a table")
    return dict(value)


def _string(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise ProjectError(f"{where}: {key} is {value!r}; expected a string")
    return value


def _strings(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ProjectError(f"{where}: {key} is {value!r}; expected a list of strings")
    return tuple(value)


def _name(text: str) -> str:
    """Return a name that is safe in file names."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "function"
