"""Puts an interpreter for the target into a bundle, from whichever source was chosen.

| source | what it is |
|---|---|
| `managed` | a standalone build for the target, fetched by uv |
| `host` | this machine's interpreter with its libraries, loader and libc |
| a path or URL | an archive in the layout of the standalone builds |
| `platform` | none: the platform has its own |
| `linked` | none: this machine's, where it lies. For running a source, never for an artifact |
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle import archive, elf, host, managed, places, unavailable
from polyfn.toolchain.bundle import prune as pruning
from polyfn.toolchain.bundle.find import default_python, host_arch
from polyfn.toolchain.errors import InterpreterError
from polyfn.toolchain.provider import Arch, Source


@dataclass(frozen=True)
class Interpreter:
    """The interpreter of a bundle.

    | attribute | content |
    |---|---|
    | `version` | full version, such as `3.13.2` or `3.13.2t`; for `platform` the minor version alone |
    | `origin` | the name of what it was made from, never a local path; None where there is none |
    | `command` | what starts it, paths relative to the bundle's root; empty for `platform` |
    """

    source: Source
    version: str
    origin: str | None
    command: tuple[str, ...]
    arch: Arch

    @property
    def python(self) -> str:
        """The minor version, such as `3.13` or `3.13t`."""
        return pythons.minor(self.version)


def kind(source: str) -> Source:
    """Return which kind of source it is: what has no name of its own is an archive."""
    return cast("Source", source) if source in ("managed", "host", "platform", "linked") else "archive"


def choose(
    source: str | None,
    *,
    arch: Arch,
    python: str | None,
    cache: Path,
    log: Callable[[str], None],
    refresh: bool = False,
) -> str:
    """Return the source to install from: the given one, or the default.

    The default is `managed`; where that cannot be had and the target is of this machine's
    architecture, `host`, and `log` is told so in one line. Raises InterpreterError where neither can.
    """
    if source is not None:
        return source
    if arch != host_arch():
        managed.fetch(arch, python, cache)
        return "managed"
    try:
        with unavailable.remembered(arch, python, cache, refresh=refresh):
            managed.fetch(arch, python, cache)
    except InterpreterError as error:
        log(f"using this machine's own Python: {error.message}")
        return "host"
    return "managed"


def install(
    source: str | None,
    *,
    arch: Arch,
    python: str | None,
    root: Path,
    cache: Path,
    log: Callable[[str], None] = lambda _: None,
    keep: Sequence[str] = (),
    prune: Sequence[str] = (),
) -> Interpreter:
    """Put an interpreter at `root/python`; None stands for the default of `choose`.

    `python` is `3.x` or `3.x.y`, with a `t` if free-threaded; None is the version that is running (of an
    archive: whichever it has). `cache` is a directory that is kept between builds. `keep` and `prune`
    are as in `[tool.polyfn]`. Raises InterpreterError.
    """
    if python is not None and not re.fullmatch(pythons.PATTERN, python):
        raise InterpreterError(
            f"'{python}' is not a Python version",
            hint="write it as 3.13 or 3.13.2, or 3.13t if free-threaded",
        )
    source = choose(source, arch=arch, python=python, cache=cache, log=log)
    rules = pruning.rules(keep, prune)
    if source == "managed":
        return _from_managed(arch, python, root, cache, rules)
    if source == "host":
        return _from_host(arch, python, root, rules)
    if source == "platform":
        return Interpreter("platform", pythons.minor(python or default_python()), None, (), arch)
    if source == "linked":
        facts = host.probe(python)
        return Interpreter("linked", facts.version, None, (str(facts.executable),), host_arch())
    return _from_archive(source, arch, python, root, cache, rules)


def refuse_foreign_host(source: str | None, arch: Arch) -> None:
    """Raise InterpreterError if this machine's interpreter is asked for on another architecture."""
    if source == "host" and arch != host_arch():
        raise InterpreterError(
            f"this machine's interpreter is for {host_arch()}; the target is {arch}",
            hint="choose --interpreter managed, or the path or URL of a standalone-build archive",
        )


def complete(interpreter: Interpreter, root: Path) -> tuple[str, ...]:
    """Call it once the dependencies are in the bundle: a host interpreter's libraries must include theirs.

    Returns the names of libraries that were not found.
    """
    return host.complete(root, interpreter.version) if interpreter.source == "host" else ()


def left_out(
    source: str | None,
    *,
    arch: Arch,
    python: str | None,
    cache: Path,
    keep: Sequence[str] = (),
    prune: Sequence[str] = (),
    log: Callable[[str], None] = lambda _: None,
) -> tuple[pruning.Left, ...]:
    """Return what `install` would leave out, the biggest first. Raises InterpreterError."""
    source = choose(source, arch=arch, python=python, cache=cache, log=log)
    if source in ("platform", "linked"):
        return ()
    if source == "host":
        return host.left_out(python, keep=keep, prune=prune)
    found = unpacked(source, arch=arch, python=python, cache=cache)
    return pruning.plan(found.prefix, found.python, keep=keep, prune=prune)


def unpacked(source: str, *, arch: Arch, python: str | None, cache: Path) -> archive.Tree:
    """Return where a managed interpreter or an archive's lies unpacked. Raises InterpreterError."""
    if source == "managed":
        folder = managed.fetch(arch, python, cache)
        return archive.find(folder, arch, python, folder.name)
    return archive.find(archive.fetch(source, cache), arch, python, archive.name(source.partition("#")[0]))


def _from_managed(
    arch: Arch, python: str | None, root: Path, cache: Path, rules: pruning.Rules
) -> Interpreter:
    found = unpacked("managed", arch=arch, python=python, cache=cache)
    _copy(found, root, rules, built_at=found.prefix)
    return Interpreter("managed", found.version, found.prefix.name, _plain(found), arch)


def _from_archive(
    source: str, arch: Arch, python: str | None, root: Path, cache: Path, rules: pruning.Rules
) -> Interpreter:
    found = unpacked(source, arch=arch, python=python, cache=cache)
    _copy(found, root, rules)
    called = archive.name(source.partition("#")[0])
    return Interpreter("archive", found.version, called, _plain(found), arch)


def _from_host(arch: Arch, python: str | None, root: Path, rules: pruning.Rules) -> Interpreter:
    refuse_foreign_host("host", arch)
    version, command = host.install(python, root / "python", rules)
    return Interpreter("host", version, f"cpython-{version}", command, arch)


def _plain(tree: archive.Tree) -> tuple[str, ...]:
    return (f"python/bin/python{tree.python}",)


def _copy(tree: archive.Tree, root: Path, rules: pruning.Rules, built_at: Path | None = None) -> None:
    prefix = root / "python"
    left = pruning.copy(tree.prefix, prefix, tree.python, rules)
    pruning.note(prefix, tree.python, left, rules)
    program = prefix / "bin" / tree.program.name
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tree.program, program)
    program.chmod(0o755)
    _drop_unused_libraries(prefix, program)
    if built_at is not None:
        # uv writes where it installed a build into the build's own configuration.
        places.forget(prefix, built_at, tree.python)


def _drop_unused_libraries(prefix: Path, program: Path) -> None:
    # Standalone builds carry the interpreter twice: in the program, and as a library for embedding it.
    # Others are left over where the module that needed them was left out, or bear a second name.
    libraries = {path.name: path for path in (prefix / "lib").glob("*.so*") if elf.is_elf(path)}
    needed: set[str] = set()
    ends = [program, *(prefix / "lib").glob("python3*/lib-dynload/*.so")]
    while ends:
        facts = elf.read(ends.pop())
        names = {name.rpartition("/")[2] for name in facts.needed} if facts is not None else set()
        ends += [libraries[name] for name in names - needed if name in libraries]
        needed |= names
    for name in libraries.keys() - needed:
        libraries[name].unlink()
