"""The other side of the collector: imports the user's modules and writes down what they declare.

Run as a script, by whatever Python the target has, where nothing of the toolchain can be imported:

    python -I -S collecting.py REQUEST

REQUEST is a JSON file: `path` (what goes before the standard library on sys.path), `site` (what
goes after it, or null), `app` (the working directory), `modules`, and `result`, the file that
receives a manifest as JSON, or `{"error": ...}`. Nothing is written to the standard streams: those
are the user's.
"""

import ast
import json
import os
import sys
from types import FrameType, TracebackType
from typing import Any

#: What is taken off the front of paths: nothing that names this machine gets into a manifest.
_places: list[str] = []


def main() -> None:
    """Collect, write the result, and leave at once: the user's threads have no say in it."""
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    _places[:] = [request["app"], *request["path"], *filter(None, [request["site"]])]
    sys.path[:0] = request["path"]
    if request["site"]:
        sys.path.append(request["site"])
    os.chdir(request["app"])
    sys.argv = [""]
    me = os.getpid()
    result = _collect(request["app"], request["modules"])
    if os.getpid() != me:  # a module forked at its import, and this is the child
        os._exit(0)
    with open(request["result"], "w", encoding="utf-8") as file:
        json.dump(result, file)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _collect(app: str, modules: list[str]) -> dict[str, Any]:
    for module in modules:
        try:
            __import__(module)
        except BaseException as error:  # noqa: BLE001  SystemExit at import is the user's mistake as well
            return {"error": _failure(error, app, module)}
    # Imported only now, as in an artifact: the user's module comes first.
    from polyfn.functions import declared
    from polyfn.lifecycle import counts

    entries = []
    for declaration in declared.values():
        try:
            entries.append(_entry(declaration))
        except BaseException as error:  # noqa: BLE001
            return {"error": _failure(error, app, declaration.handler.__module__)}
    start_hooks, stop_hooks = counts()
    return {"functions": entries, "start_hooks": start_hooks, "stop_hooks": stop_hooks}


def _entry(declaration: Any) -> dict[str, Any]:
    from polyfn.binding import bind

    binding = bind(declaration)
    handler = declaration.handler
    code = getattr(_unwrapped(handler), "__code__", None)
    return {
        "name": declaration.name,
        "module": handler.__module__,
        "handler": getattr(handler, "__qualname__", type(handler).__qualname__),
        "trigger": declaration.trigger.describe(),
        "style": binding.style,
        "arity": binding.arity,
        "level": binding.level,
        "needs": list(binding.needs),
        "json_schema": _schema(binding, declaration.name),
        **_uses(declaration),
        "application": _application(handler),
        "line": declaration.line or (code.co_firstlineno if code else None),
    }


def _application(handler: Any) -> str | None:
    """What `polyfn.asgi` was given, or None for a handler of the author's own."""
    from polyfn.applications import ApplicationHandler, describe

    return describe(handler.__asgi__) if isinstance(handler, ApplicationHandler) else None


def _schema(binding: Any, name: str) -> Any:
    """The payload's JSON Schema, or None where there is none to be had."""
    if "pydantic" not in binding.needs:
        return None
    try:
        from pydantic import TypeAdapter
        from pydantic.errors import (
            PydanticInvalidForJsonSchema,
            PydanticUndefinedAnnotation,
            PydanticUserError,
        )
    except ImportError:
        # The parent adds what is needed and asks again.
        return None
    try:
        adapter = TypeAdapter(binding.target)
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        from polyfn.errors import DeclarationError

        raise DeclarationError(
            f"function {name!r}: payloads cannot be bound to {binding.target!r}: {error.message}",
            hint="annotate the first parameter with a type that pydantic can validate",
        ) from None
    try:
        return adapter.json_schema()
    except PydanticInvalidForJsonSchema:
        return None


def _uses(declaration: Any) -> dict[str, list[str]]:
    """Where a function's module uses what not every platform has, as file:line per kind of use.

    What stands inside another function's handler is that one's; helpers count for all of them.
    """
    places: dict[str, set[int]] = {"native": set(), "retry_delays": set(), "defers": set()}
    module = declaration.handler.__module__
    path = getattr(sys.modules.get(module), "__file__", None)
    if not path or not path.endswith(".py"):
        return {kind: [] for kind in places}
    with open(path, "rb") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "native":
            places["native"].add(node.lineno)
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "Retry" and any(keyword.arg == "after" for keyword in node.keywords):
                places["retry_delays"].add(node.lineno)
            elif called == "defer":
                places["defers"].add(node.lineno)
    elsewhere = _lines_of_others(declaration)
    return {
        kind: [f"{_named(path)}:{line}" for line in sorted(lines - elsewhere)]
        for kind, lines in places.items()
    }


def _lines_of_others(declaration: Any) -> set[int]:
    """The lines of the other handlers that the same module declares."""
    from polyfn.functions import declared

    lines: set[int] = set()
    for other in declared.values():
        code = getattr(_unwrapped(other.handler), "__code__", None)
        if other is declaration or code is None or other.handler.__module__ != declaration.handler.__module__:
            continue
        last = max((line for _, _, line in code.co_lines() if line is not None), default=code.co_firstlineno)
        lines.update(range(code.co_firstlineno, last + 1))
    return lines


def _failure(error: BaseException, app: str, module: str) -> dict[str, Any]:
    frames = _frames(error.__traceback__, app)
    if isinstance(error, SyntaxError) and error.filename:
        frames.append({"file": _named(error.filename), "line": error.lineno, "code": error.text})
    return {
        "module": module,
        "type": type(error).__name__,
        "message": str(error),
        "code": getattr(error, "code", None) if _is_ours(error) else None,
        "hint": getattr(error, "hint", None) if _is_ours(error) else None,
        "missing": getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None,
        "frames": frames,
    }


def _is_ours(error: BaseException) -> bool:
    return any(base.__module__ == "polyfn.errors" for base in type(error).__mro__)


def _frames(trace: TracebackType | None, app: str) -> list[dict[str, Any]]:
    """The user's own frames, outermost first; what polyfn and importlib do is not theirs to read."""
    import linecache

    frames = []
    while trace is not None:
        frame: FrameType = trace.tb_frame
        path = frame.f_code.co_filename
        if path.startswith(app + os.sep):
            text = linecache.getline(path, trace.tb_lineno).strip()
            frames.append({"file": _named(path), "line": trace.tb_lineno, "code": text})
        trace = trace.tb_next
    return frames


def _named(path: str) -> str:
    for place in _places:
        if path.startswith(place + os.sep):
            return path[len(place) + 1 :]
    return path


def _unwrapped(handler: Any) -> Any:
    while hasattr(handler, "__wrapped__"):
        handler = handler.__wrapped__
    return handler


if __name__ == "__main__":
    main()
