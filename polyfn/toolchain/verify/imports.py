"""What a source imports, and when: read from its syntax tree, never by running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

#: `import`: whenever the module is imported. `call`: when a function runs, or under a condition, or, for
#: a `lazy import` (PEP 810), when its name is first used.
#: `maybe`: its failure is provided for, or it is for another system or version.
When = Literal["import", "call", "maybe"]

_FAILURES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
#: What a condition looks at if it is about the system, the version, or how the module is run.
_SURROUNDINGS = {"platform", "version_info", "name", "implementation", "__name__", "hexversion", "PY2", "PY3"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module. `names` are those of a `from` import, `level` its number of dots."""

    module: str
    names: tuple[str, ...]
    level: int
    line: int
    when: When


#: What a Python before 3.15 cannot parse.
_LAZY = re.compile(rb"^([ \t]*)lazy[ \t]+(?=(?:import|from)\b)", re.MULTILINE)


class NotValidError(Exception):
    """The source cannot be parsed."""


def imports(text: bytes) -> list[Import]:
    """Return the imports of a source. Raises NotValidError."""
    try:
        tree, lazy = _parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise NotValidError(f"{getattr(error, 'msg', None) or error}{line}") from None
    return [
        replace(one, when=_weaker(one.when, "call")) if one.line in lazy else one
        for one in _of(tree.body, "import")
    ]


def _parsed(text: bytes) -> tuple[ast.Module, set[int]]:
    """The tree, and the lines of its lazy imports. It may be for a newer Python than this."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        lines = {text.count(b"\n", 0, match.end()) + 1 for match in _LAZY.finditer(text)}
        if not lines:
            raise
        return ast.parse(_LAZY.sub(rb"\1", text)), lines
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return tree, {node.lineno for node in statements if getattr(node, "is_lazy", False)}


def _of(nodes: list[ast.stmt], when: When) -> Iterator[Import]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), 0, node.lineno, when)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(node.module or "", names, node.level, node.lineno, when)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _of(node.body, _weaker(when, "call"))
        elif isinstance(node, ast.If):
            yield from _of(node.body, _weaker(when, _condition(node.test)))
            yield from _of(node.orelse, _weaker(when, _condition(node.test, other=True)))
        elif isinstance(node, ast.Try | ast.TryStar):
            yield from _tried(node, when)
        elif isinstance(node, ast.With | ast.AsyncWith):
            yield from _of(node.body, _weaker(when, "maybe") if _suppresses(node) else when)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                yield from _of(case.body, _weaker(when, "call"))
        elif isinstance(node, ast.ClassDef | ast.For | ast.AsyncFor | ast.While):
            yield from _of(node.body, when)
            yield from _of(getattr(node, "orelse", []), when)


def _tried(node: ast.Try | ast.TryStar, when: When) -> Iterator[Import]:
    provided = any(_catches(handler.type) for handler in node.handlers)
    yield from _of(node.body, _weaker(when, "maybe") if provided else when)
    for handler in node.handlers:
        # What stands in for a module that is missing is imported only then.
        yield from _of(handler.body, _weaker(when, "maybe" if provided else "call"))
    yield from _of(node.orelse, _weaker(when, "maybe") if provided else when)
    yield from _of(node.finalbody, when)


def _catches(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(_last(name) in _FAILURES for name in names)


def _suppresses(node: ast.With | ast.AsyncWith) -> bool:
    for item in node.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and _last(call.func) == "suppress" and any(map(_catches, call.args)):
            return True
    return False


def _condition(test: ast.expr, *, other: bool = False) -> When:
    """How sure the body of an `if` is to run; `other` asks for its `else`."""
    words = {_last(node) for node in ast.walk(test) if isinstance(node, ast.Name | ast.Attribute)}
    if "TYPE_CHECKING" in words or (isinstance(test, ast.Constant) and not test.value):
        return "import" if other else "maybe"
    return "maybe" if words & _SURROUNDINGS else "call"


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _weaker(one: When, other: When) -> When:
    order: tuple[When, ...] = ("import", "call", "maybe")
    return max(one, other, key=order.index)
