"""Error codes of installed plugins, found in their source: nothing of theirs is imported for it."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from polyfn.toolchain.installed import PLUGINS, PROVIDERS, installed


def of_plugin(code: str) -> str | None:
    """Return as Markdown what a plugin's error class with this code says of itself, or None."""
    for plugin in (*installed(PROVIDERS), *installed(PLUGINS)):
        for path in _sources(plugin.entry.module):
            found = _class(path, code)
            if found is not None:
                said = ast.get_docstring(found) or ""
                end = f"This is an error of {plugin.origin}: its documentation says more."
                return "\n\n".join(filter(None, [f"## {code} {found.name}", said, end]))
    return None


def _sources(module: str) -> Iterator[Path]:
    # Asked for the top alone, because a dotted name would import its parents.
    spec = importlib.util.find_spec(module.partition(".")[0])
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        yield from sorted(Path(folder).rglob("*.py"))
    if spec is not None and not spec.submodule_search_locations and spec.origin is not None:
        yield Path(spec.origin)


def _class(path: Path, code: str) -> ast.ClassDef | None:
    text = path.read_text(encoding="utf-8", errors="replace")
    if code not in text:
        return None
    try:
        classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    except SyntaxError:
        return None
    return next((node for node in classes if any(_sets(line, code) for line in node.body)), None)


def _sets(line: ast.stmt, code: str) -> bool:
    return (
        isinstance(line, ast.Assign)
        and any(isinstance(name, ast.Name) and name.id == "code" for name in line.targets)
        and isinstance(line.value, ast.Constant)
        and line.value.value == code
    )
