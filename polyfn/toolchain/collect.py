"""Collecting: what a project's modules declare, found out by importing them in a process of their own.

The process sees what it will see inside the artifact: the carried files, the dependencies (for this
machine) and polyfn's runtime, and nothing of the toolchain. Here no user code is ever imported.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polyfn.errors
from polyfn.errors import FunctionNotFoundError, ModuleLoadError, PolyfnError
from polyfn.toolchain.interrupts import tracked
from polyfn.toolchain.manifest import FunctionEntry, Manifest
from polyfn.toolchain.project import Project

#: Seconds that the import of a project's modules may take.
TIME_LIMIT = 60.0

_SCRIPT = Path(__file__).with_name("collecting.py")


@dataclass(frozen=True)
class Surroundings:
    """Where modules are imported: a Python, the carried code, polyfn's runtime, the dependencies."""

    python: str
    app: Path
    runtime: Path
    site: Path | None = None
    #: Whether imports may leave their bytecode there.
    bytecode: bool = False


def collect(project: Project, surroundings: Surroundings, *, limit: float = TIME_LIMIT) -> Manifest:
    """Import the project's modules and return what they declare.

    Raises ModuleLoadError for a module that cannot be imported in time, DeclarationError for a
    wrong declaration, FunctionNotFoundError where there is none.
    """
    found = _answer(project, surroundings, limit)
    if "error" in found:
        raise _failure(found["error"], project)
    functions = tuple(FunctionEntry.model_validate(entry) for entry in found["functions"])
    if not functions:
        raise FunctionNotFoundError(
            f"{_modules(project)} {'declares' if len(project.modules) == 1 else 'declare'} no function",
            hint="decorate a handler with @polyfn.function"
            + ("" if project.file else ", or name another module in [tool.polyfn]"),
        )
    return Manifest(functions=functions, start_hooks=found["start_hooks"], stop_hooks=found["stop_hooks"])


def _answer(project: Project, surroundings: Surroundings, limit: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="polyfn-collect-") as folder:
        request, result, output = (Path(folder, name) for name in ("request", "result", "output"))
        app = surroundings.app.resolve()
        asked = {
            "path": [str(surroundings.runtime.resolve()), str(app)],
            "site": str(surroundings.site.resolve()) if surroundings.site else None,
            "app": str(app),
            "modules": project.modules,
            "result": str(result),
        }
        request.write_text(json.dumps(asked), encoding="utf-8")
        status = _import(surroundings, request, output, limit, project)
        if not result.exists():
            raise ModuleLoadError(
                f"{_modules(project)}: the process ended with status {status} while importing"
                + _last_words(output),
                hint="a module is imported for its declarations: it must not end its process",
            )
        answer: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return answer


def _import(there: Surroundings, request: Path, output: Path, limit: float, project: Project) -> int:
    """Run the script in a session of its own, so that all it started ends with it."""
    # -B: what is imported here is carried as it is. -u: a process that ends itself flushes nothing.
    flags = ["-I", "-S", "-u", "-X", "utf8", *([] if there.bytecode else ["-B"])]
    command = [there.python, *flags, str(_SCRIPT), str(request)]
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            with tracked(process):
                return process.wait(limit)
        except subprocess.TimeoutExpired:
            raise ModuleLoadError(
                f"{_modules(project)} took more than {limit:g} s to import" + _last_words(output),
                hint="a module must not wait or serve at import: put that into polyfn.on_start or a resource",
            ) from None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _failure(error: dict[str, Any], project: Project) -> PolyfnError:
    where = "".join(_place(frame) for frame in error["frames"])
    kind = _KINDS.get(error["code"] or "")
    if kind is not None:
        return kind(error["message"] + where, hint=error["hint"])
    said = f"{error['type']}: {error['message']}" if error["message"] else error["type"]
    return ModuleLoadError(
        f"the module {error['module']!r} cannot be imported: {said}{where}", hint=_hint(error, project)
    )


#: What a module's own import may raise of polyfn's errors, by code.
_KINDS: dict[str, type[PolyfnError]] = {
    kind.code: kind
    for kind in vars(polyfn.errors).values()
    if isinstance(kind, type) and issubclass(kind, PolyfnError) and kind is not PolyfnError
}


def _place(frame: dict[str, Any]) -> str:
    code = (frame["code"] or "").strip()
    return f"\n  {frame['file']}:{frame['line']}" + (f": {code}" if code else "")


def _hint(error: dict[str, Any], project: Project) -> str | None:
    missing = error["missing"]
    if missing is None:
        return None
    if missing.partition(".")[0] in {module.partition(".")[0] for module in project.modules}:
        return f"is {missing!r} among the files that are carried? see include and exclude in [tool.polyfn]"
    place = "the script block" if project.file else "the dependencies"
    again = "" if project.file or not (project.root / "uv.lock").is_file() else ", and run uv lock"
    return f"add what provides {missing.partition('.')[0]!r} to {place} in {project.declared_in.name}{again}"


def _modules(project: Project) -> str:
    names = ", ".join(repr(module) for module in project.modules)
    return f"the module {names}" if len(project.modules) == 1 else f"the modules {names}"


def _last_words(output: Path) -> str:
    """What the module printed last, since that is often why."""
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    return "".join(f"\n  {line}" for line in lines if line.strip())
