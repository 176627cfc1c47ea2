"""Bytecode for a bundle, made by a Python of the target's version where this machine has one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from polyfn.toolchain.bundle import builders, stdlib
from polyfn.toolchain.bundle.find import host_arch, runs
from polyfn.toolchain.bundle.interpreter import Interpreter
from polyfn.toolchain.errors import InternalError
from polyfn.toolchain.interrupts import tracked

_SCRIPT = Path(__file__).with_name("compiling.py")


def compile_tree(
    root: Path,
    interpreter: Interpreter,
    log: Callable[[str], None],
    shares: Sequence[tuple[str, ...]],
) -> bool:
    """Compile folders under a bundle's root, each share in its own process; return whether it was done.

    Sources are kept: tracebacks show them. Without bytecode a bundle runs all the same, but starts
    more slowly, so `log` is told in one line.
    """
    command = _compiler(root, interpreter)
    if command is None:
        log(
            f"no bytecode for {interpreter.arch}: this machine has no Python {interpreter.python} "
            f"(uv python install {interpreter.python}); cold starts will be slower"
        )
        return False
    with ThreadPoolExecutor(len(shares)) as pool:
        for skipped in list(pool.map(lambda share: _compile(command, root, share), shares)):
            for name in skipped:
                if name.startswith("app/"):
                    log(f"{name} is not Python {interpreter.python}: carried without bytecode")
    if ("python",) in shares:
        stdlib.drop_sources(root / "python")
    return True


def keep(*trees: Path) -> None:
    """Make the bytecode that imports left in the trees valid wherever they are copied to.

    It is valid as long as its source has the same time, which no copy through an archive has.
    """
    for tree in trees:
        for path in tree.rglob("__pycache__/*.pyc"):
            with path.open("r+b") as file:
                file.seek(4)  # PEP 552: after the magic number, flags (hash-based, unchecked) and a hash
                file.write((1).to_bytes(4, "little") + bytes(8))


def _compiler(root: Path, interpreter: Interpreter) -> list[str] | None:
    """The bundle's own interpreter if it runs here, else one of the same minor version."""
    own = [str(root / part) if "/" in part else part for part in interpreter.command]
    if interpreter.source in ("managed", "archive") and interpreter.arch == host_arch() and runs(own):
        return own
    found = builders.compiler(interpreter.python)
    return None if found is None else [found]


def _compile(command: list[str], root: Path, share: tuple[str, ...]) -> list[str]:
    folders = [folder for folder in share if (root / folder).is_dir()]
    # Columns are for underlining a source, and the library's are not carried: a quarter of its bytecode.
    ranges = ["-X", "no_debug_ranges"] if share == ("python",) else []
    with (
        subprocess.Popen(
            # -B: the interpreter's own imports leave no bytecode behind. No -I, which ignores the hash seed.
            [*command, *ranges, "-B", "-S", "-s", "-P", "-W", "ignore", str(_SCRIPT), str(root), *folders],
            env={"PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", os.defpath)},
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
        ) as process,
        tracked(process),
    ):
        stdout, stderr = process.communicate()
    if process.returncode:
        raise InternalError(f"compiling {', '.join(folders)} failed: {stderr.strip()}")
    return stdout.splitlines()
