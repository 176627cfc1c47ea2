"""What the modules of an artifact cost to import, measured with the bundle's own interpreter.

The artifact is laid out in a directory of its own and started as its platform starts it, through its start
script, with one difference: where it would hand over to the provider's runtime, which serves, the module with
the functions is imported, and that is all.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from polyfn.toolchain.artifacts.oci import reading
from polyfn.toolchain.artifacts.oci.names import is_image
from polyfn.toolchain.artifacts.zip import unpack
from polyfn.toolchain.bundle.find import host_arch
from polyfn.toolchain.manifest import ArtifactManifest
from polyfn.toolchain.report import importtime
from polyfn.toolchain.report.distributions import Distribution
from polyfn.toolchain.report.importtime import Timed
from polyfn.toolchain.report.model import Imports

_RUNS = 3
#: Seconds; the import of a module that waits for something is not measured.
_LIMIT = 60.0
_PROBE = "polyfn-probe.py"
_SCRIPT = "polyfn-probe"
_BEGIN = "polyfn-probe: begin"
_FUNCTIONS = "polyfn-probe: functions"
_END = "polyfn-probe: end"
#: What the start script gives to the interpreter. start.py does the same as start.pyc, and can be read.
_START = re.compile(r'"\$root/start\.pyc?"')


class CannotMeasureError(Exception):
    """Why the imports of this artifact cannot be measured on this machine."""


def measure(
    artifact: Path, manifest: ArtifactManifest, distributions: Iterable[Distribution] = ()
) -> tuple[Imports, ...]:
    """Measure each module that declares functions. This runs them. Raises CannotMeasureError."""
    _check(manifest)
    with _laid_out(artifact) as root:
        origins = _origins(root, distributions)
        script = _script(root)
        modules = dict.fromkeys(entry.module for entry in manifest.functions)
        return tuple(
            _measured(script, _probe(root / "start.py", module), module, origins, manifest)
            for module in modules
        )


def _check(manifest: ArtifactManifest) -> None:
    if manifest.interpreter.source == "platform":
        raise CannotMeasureError("there is no interpreter inside: the platform's own runs it")
    if manifest.arch != host_arch() and not _emulated(manifest.arch):
        raise CannotMeasureError(f"it is for {manifest.arch}, this machine is {host_arch()}")


def _emulated(arch: str) -> bool:
    """Whether the kernel runs programs of this architecture through an emulator."""
    name = {"amd64": "qemu-x86_64", "arm64": "qemu-aarch64"}[arch]
    try:
        return Path("/proc/sys/fs/binfmt_misc", name).read_text(encoding="ascii").startswith("enabled")
    except OSError:
        return False


@contextmanager
def _laid_out(artifact: Path) -> Iterator[Path]:
    """Give a copy that can be written to. A running probe must not change what is deployed."""
    folder = Path(tempfile.mkdtemp(prefix="polyfn-imports-"))
    try:
        if is_image(artifact):
            yield reading.unpack(artifact, folder / "image").bundle
            return
        if artifact.is_dir():
            shutil.copytree(artifact, folder / "bundle", symlinks=True)
        else:
            unpack(artifact, folder / "bundle")
        yield folder / "bundle"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _script(root: Path) -> Path:
    """Write a start script that runs the probe; the platform may have its own name for the bundle's."""
    for path in sorted(root.iterdir()):
        if path.is_file() and path.stat().st_mode & 0o100 and path.read_bytes().startswith(b"#!/bin/sh"):
            before, exec_, command = path.read_text(encoding="utf-8").rpartition("\nexec ")
            found = _START.search(command)
            if exec_ and found:
                # -B: what has no bytecode in the artifact has none in the second run either.
                probing = command.replace(found[0], f'-B -X importtime "$root/{_PROBE}"')
                script = root / _SCRIPT
                script.write_text(before + exec_ + probing, encoding="utf-8")
                script.chmod(0o755)
                return script
    raise CannotMeasureError("it has no start script that runs start.py")


def _probe(start: Path, module: str) -> str:
    """Return the text of the program that is run instead of `start`, from the same directory."""
    if not start.is_file():
        raise CannotMeasureError(f"it has no {start.name}")
    # _exit: what the module left running, or registered for the end, is not part of its import.
    return "\n".join(
        [
            f"__file__ = __file__.rpartition('/')[0] + {'/' + start.name!r}",
            "import posix",
            f"posix.write(2, {_line(_BEGIN)})",
            _without_main(start.read_text(encoding="utf-8")),
            f"posix.write(2, {_line(_FUNCTIONS)})",
            f"__import__({module!r})",
            f"posix.write(2, {_line(_END)})",
            "posix._exit(0)",
            "",
        ]
    )


def _without_main(start: str) -> str:
    """Return a start.py without its last statement, the call of the runtime's main."""
    try:
        tree = ast.parse(start)
    except SyntaxError as error:
        raise CannotMeasureError(f"its start.py is no Python: {error}") from None
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or not isinstance(last.value, ast.Call):
        raise CannotMeasureError("its start.py does not end with a call of the runtime")
    return ast.unparse(ast.Module(body=tree.body[:-1], type_ignores=[]))


def _line(text: str) -> str:
    return repr(f"\n{text}\n".encode())


def _measured(
    script: Path, probe: str, module: str, origins: dict[str, str], manifest: ArtifactManifest
) -> Imports:
    script.with_name(_PROBE).write_text(probe, encoding="utf-8")
    runs = sorted(
        (_run(script, module) for _ in range(_RUNS)), key=lambda run: importtime.total([*run[0], *run[1]])
    )
    runtime, functions = runs[_RUNS // 2]
    both = [*runtime, *functions]
    total = importtime.total(both)
    return Imports(
        module=module,
        total=total,
        runtime=importtime.total(runtime),
        functions=importtime.total(functions),
        modules=sum(1 for one in both for _ in one.walk()),
        runs=_RUNS,
        emulated=manifest.arch != host_arch(),
        top=importtime.top(both, origins),
        tree=importtime.trimmed(both, max(total // 100, 1)),
    )


def _run(script: Path, module: str) -> tuple[list[Timed], list[Timed]]:
    """Return what the runtime and the functions import."""
    try:
        done = subprocess.run(
            [str(script)], cwd=script.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace", timeout=_LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotMeasureError(f"importing {module} takes longer than {_LIMIT:.0f} s") from None
    except OSError as error:
        raise CannotMeasureError(f"it cannot be started: {error.strerror}") from None
    lines = done.stderr.splitlines()
    if _END not in lines:
        said = [
            line for line in lines if line.strip() and not line.startswith(("import time:", "polyfn-probe:"))
        ]
        started = f"importing {module} failed" if _FUNCTIONS in lines else "its runtime cannot be imported"
        failed = started if _BEGIN in lines else "it does not start on this machine"
        raise CannotMeasureError(f"{failed}: {said[-1] if said else f'exit status {done.returncode}'}")
    begin, functions = lines.index(_BEGIN), lines.index(_FUNCTIONS)
    return importtime.parse(lines[begin:functions]), importtime.parse(lines[functions : lines.index(_END)])


def _origins(root: Path, distributions: Iterable[Distribution]) -> dict[str, str]:
    """Whose each top-level package is, in the order in which they are found."""
    origins = dict.fromkeys(sys.stdlib_module_names, "standard library")
    for one in distributions:
        inside = (name.removeprefix(one.base) for name in one.files)
        origins.update({_package(name): one.name for name in inside if not name.startswith(".")})
    for folder in ("app", "runtime"):
        origins.update({_package(name): folder for name in _listed(root / folder)})
    return origins


def _listed(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


def _package(name: str) -> str:
    return name.partition("/")[0].partition(".")[0]
