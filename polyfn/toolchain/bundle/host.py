"""Interpreter source `host`: this machine's own interpreter, made to stand alone.

Its standard library, the closure of its shared libraries, the loader and libc are copied, and the
program is started through that loader. So it runs on an older glibc, or on none, but only on this
machine's architecture.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle import elf, places
from polyfn.toolchain.bundle import prune as pruning
from polyfn.toolchain.bundle.find import base_executable, host_arch
from polyfn.toolchain.bundle.libraries import Finder, close, expand
from polyfn.toolchain.bundle.script import wrapper
from polyfn.toolchain.errors import InterpreterError

#: What libc opens by name at run time, so that no ELF file says it is needed: name resolution before
#: glibc 2.34, and unwinding at the end of a thread.
_OPENED_BY_LIBC = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libgcc_s.so.1")

_PROBE = """
import json, os, sys
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": "%d.%d.%d" % sys.version_info[:3] + "t" * ("t" in sys.abiflags),
    "stdlib": os.path.dirname(os.__file__),
    "prefix": sys.base_prefix,
    "dynload": [path for path in sys.path if path.endswith("lib-dynload")][:1],
    "implementation": sys.implementation.name,
}))
"""


@dataclass(frozen=True)
class Facts:
    """Where an installed interpreter has its parts."""

    executable: Path
    version: str
    stdlib: Path
    dynload: Path | None
    prefix: Path

    @property
    def python(self) -> str:
        """`3.x`, or `3.xt` if it is free-threaded."""
        return pythons.minor(self.version)


def probe(python: str | None) -> Facts:
    """Find an interpreter on this machine and ask it where its parts are. Raises InterpreterError."""
    executable = base_executable(python)
    answer = subprocess.run(
        [executable, "-I", "-S", "-c", _PROBE], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise InterpreterError(
            f"{executable} does not start: {answer.stderr.strip() or f'exit status {answer.returncode}'}",
            hint="repair that Python installation, or choose another one with --python 3.x",
        )
    told = json.loads(answer.stdout)
    if told["implementation"] != "cpython":
        raise InterpreterError(
            f"{executable} is {told['implementation']}; a bundle is made from CPython",
            hint="choose another interpreter with --python 3.x or --interpreter managed",
        )
    dynload = Path(told["dynload"][0]) if told["dynload"] else None
    stdlib, prefix = Path(told["stdlib"]), Path(told["prefix"])
    return Facts(Path(told["executable"]), told["version"], stdlib, dynload, prefix)


def left_out(
    python: str | None, *, keep: Iterable[str] = (), prune: Iterable[str] = ()
) -> tuple[pruning.Left, ...]:
    """Return what `install` would leave out of this machine's interpreter, the biggest first."""
    facts = probe(python)
    inside = f"lib/python{facts.python}/"
    return pruning.plan(facts.stdlib, facts.python, keep=keep, prune=prune, inside=inside)


def install(
    python: str | None, prefix: Path, rules: pruning.Rules | None = None
) -> tuple[str, tuple[str, ...]]:
    """Put this machine's interpreter at `prefix` (`<bundle>/python`), without what `rules` leave out.

    Returns its full version and the command that starts it, relative to the bundle. Raises
    InterpreterError.
    """
    facts = probe(python)
    program = elf.read(facts.executable)
    if program is None or program.interpreter is None:
        raise InterpreterError(
            f"{facts.executable} is not a dynamically linked program, so it cannot be carried",
            hint="choose --interpreter managed, or give the path of a standalone-build archive",
        )
    if "musl" in program.interpreter:
        raise InterpreterError(
            f"{facts.executable} is built for musl; dependencies are installed for glibc",
            hint="choose --interpreter managed, or package on a machine with glibc",
        )
    library = prefix / "lib"
    stdlib = f"lib/python{facts.python}"
    staged = prefix / "bin" / f"python{facts.python}.elf"
    _copy_stdlib(facts, prefix, stdlib, pruning.rules() if rules is None else rules)
    staged.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(facts.executable, staged)
    loader = Path(program.interpreter)
    shutil.copyfile(loader, library / loader.name)
    _close(facts, program, prefix)
    _finish(facts, prefix)
    for file in (staged, library / loader.name):
        file.chmod(0o755)
    command = _command(loader.name, facts.python)
    shim = prefix / "bin" / f"python{facts.python}"
    shim.write_text(wrapper(command))
    shim.chmod(0o755)
    return facts.version, command


def complete(root: Path, python: str) -> tuple[str, ...]:
    """Copy the libraries that the dependencies' extension modules need from this machine.

    Call it once everything is installed in the bundle. Returns the names that were not found.
    """
    mine = [path for path in root.rglob("*.so*") if elf.is_elf(path)]
    facts = probe(python)
    program = elf.read(facts.executable)
    finder = Finder(host_arch(), _program_path(facts, program))
    missing = close(mine, mine, root / "python" / "lib", finder)
    _finish(facts, root / "python")
    return missing


def _copy_stdlib(facts: Facts, prefix: Path, stdlib: str, rules: pruning.Rules) -> None:
    # Laid out as if it had been installed there, so that the patterns and getpath find what they look for.
    left = pruning.copy(facts.stdlib, prefix / stdlib, facts.python, rules, inside=f"{stdlib}/")
    if facts.dynload is not None and facts.dynload.parent != facts.stdlib:
        dynload = f"{stdlib}/lib-dynload"
        left |= pruning.copy(facts.dynload, prefix / dynload, facts.python, rules, inside=f"{dynload}/")
    (prefix / stdlib / "lib-dynload").mkdir(exist_ok=True)
    pruning.note(prefix, facts.python, left, rules)


def _program_path(facts: Facts, program: elf.Elf | None) -> list[Path]:
    folders = expand((*program.rpath, *program.runpath), facts.executable) if program is not None else []
    return [*folders, facts.executable.parent.parent / "lib"]


def _close(facts: Facts, program: elf.Elf, prefix: Path) -> None:
    library = prefix / "lib"
    modules = sorted((library / f"python{facts.python}" / "lib-dynload").glob("*.so"))
    finder = Finder(host_arch(), _program_path(facts, program))
    loader = [library / Path(program.interpreter or "").name]
    close([facts.executable, *modules], loader, library, finder)
    present = [path for path in library.iterdir() if path.is_file()]
    for name in _OPENED_BY_LIBC:
        found = finder.find(name, facts.executable, program)
        if found is not None and not (library / name).exists():
            shutil.copyfile(found, library / name)
            close([found], [*present, library / name], library, finder)


def _finish(facts: Facts, prefix: Path) -> None:
    _strip(prefix)
    places.forget(prefix, facts.prefix, facts.python)


def _strip(prefix: Path) -> None:
    # A Python built on a developer's machine carries three times its size in debug information.
    program = shutil.which("strip")
    if program is None:
        return
    files = [
        path for path in sorted(prefix.rglob("*")) if elf.is_elf(path) and not path.name.startswith("ld-")
    ]
    subprocess.run([program, "--strip-unneeded", *map(str, files)], capture_output=True, check=False)


def _command(loader: str, python: str) -> tuple[str, ...]:
    # ld.so knows --argv0 since glibc 2.33. Without it argv[0] is the program's own path, in the same
    # directory, from which the interpreter finds its prefix just as well.
    name = ("--argv0", f"python/bin/python{python}") if _glibc() >= (2, 33) else ()
    program = f"python/bin/python{python}.elf"
    return (f"python/lib/{loader}", "--library-path", "python/lib", *name, program)


def _glibc() -> tuple[int, int]:
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return (0, 0)
    return elf.parse_glibc(told.upper().replace(" ", "_")) or (0, 0)
