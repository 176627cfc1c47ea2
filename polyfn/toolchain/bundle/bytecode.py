"""Bytecode for a bundle, made by whichever Python `compiler.choose` found for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle import stdlib
from polyfn.toolchain.bundle.compiler import Compiler
from polyfn.toolchain.errors import InternalError
from polyfn.toolchain.interrupts import tracked

_SCRIPT = Path(__file__).with_name("compiling.py")


def compile_tree(
    root: Path,
    compiler: Compiler | None,
    log: Callable[[str], None],
    shares: Sequence[tuple[str, ...]],
) -> bool:
    """Compile folders under a bundle's root, each share in its own process; return whether it was done.

    Sources are kept: tracebacks show them. Without a compiler nothing is done: a bundle runs all the
    same, but starts more slowly.
    """
    if compiler is None:
        return False
    with ThreadPoolExecutor(len(shares)) as pool:
        for skipped in list(pool.map(lambda share: _compile(compiler.program, root, share), shares)):
            for name in skipped:
                if name.startswith("app/"):
                    log(f"{name} is not Python {pythons.minor(compiler.version)}: carried without bytecode")
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


def _compile(program: str, root: Path, share: tuple[str, ...]) -> list[str]:
    folders = [folder for folder in share if (root / folder).is_dir()]
    # Columns are for underlining a source, and the library's are not carried: a quarter of its bytecode.
    ranges = ["-X", "no_debug_ranges"] if share == ("python",) else []
    with (
        subprocess.Popen(
            # -B: the interpreter's own imports leave no bytecode behind. No -I, which ignores the hash seed.
            [program, *ranges, "-B", "-S", "-s", "-P", "-W", "ignore", str(_SCRIPT), str(root), *folders],
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
