"""Installing dependencies for a target that need not be this machine."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from polyfn.toolchain import pythons, uv_command
from polyfn.toolchain.bundle import builders, dependency_faults, site, wheels
from polyfn.toolchain.bundle.requirements import Requirements, staying_home
from polyfn.toolchain.provider import Platform

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
#: The glibc levels that uv has a platform for; a target gets the highest that it reaches.
_LEVELS = ((2, 17), (2, 28), *((2, minor) for minor in range(31, 41)))


@dataclass(frozen=True)
class Target:
    """What to install for. `platform` None is this machine, whatever it is.

    `own` is the bundle's own interpreter, where a free-threaded one is for this machine.
    """

    python: str
    platform: Platform | None
    own: str | None = None

    def arguments(self) -> list[str]:
        """Return what tells uv. Raises InterpreterError where no Python here can choose such wheels."""
        chosen = ["--python", builders.builder(self.python, self.own)]
        if self.platform is not None:
            version = pythons.plain(self.python)
            chosen += ["--python-version", version, "--python-platform", tag(self.platform)]
        return chosen

    def __str__(self) -> str:
        where = "this machine" if self.platform is None else f"{self.platform.arch} ({tag(self.platform)})"
        return f"Python {self.python} on {where}"


def tag(platform: Platform) -> str:
    """Return uv's name of the platform, such as `aarch64-manylinux_2_34`."""
    major, minor = max(level for level in _LEVELS if level <= max(platform.glibc, _LEVELS[0]))
    return f"{_MACHINES[platform.arch]}-manylinux_{major}_{minor}"


def install(
    requirements: Requirements,
    into: Path,
    target: Target,
    *,
    needs: Iterable[str] = (),
    pins: str = "",
) -> dict[str, str]:
    """Install the requirements, and what binding `needs` beyond them; return names and versions.

    `pins` are constraints that were resolved before, so that no other versions come now.

    Raises NoWheelError where a distribution does not exist for the target, DependencyError for
    every other reason.
    """
    if requirements:
        _requested(requirements, into, target, pins)
    lacking = missing(needs, into)
    if lacking:
        extra = Requirements(requirements.origin, text="\n".join(lacking))
        _uv(extra, into, target, constraints=f"{requirements.constraints}\n{pins}")
    if not into.is_dir():
        return {}
    wheels.check(into, target.platform, str(target))
    site.finish(into)
    return site.distributions(into)


def missing(needs: Iterable[str], into: Path) -> list[str]:
    """Return which of the distributions are not installed in `into`, sorted."""
    there = {canonicalize_name(name) for name in site.distributions(into)}
    return sorted(name for name in set(needs) if canonicalize_name(name) not in there)


def _requested(requirements: Requirements, into: Path, target: Target, pins: str) -> None:
    if requirements.text.strip() or requirements.file:
        _uv(requirements, into, target, constraints="" if requirements.hashed else pins)
    if requirements.local:
        # Their requirements are in the lock, and a lock's word is final.
        beside = Requirements(requirements.origin, text="\n".join(requirements.local))
        _uv(beside, into, target, "--no-deps")


def _uv(requirements: Requirements, into: Path, target: Target, *more: str, constraints: str = "") -> None:
    # Copied: a bundle's files are changed after, and links would change uv's cache.
    command = ("pip", "install", "--target", str(into), "--link-mode=copy", *more)
    asked(requirements, target, command, constraints=constraints)


def asked(
    requirements: Requirements, target: Target, command: Sequence[str], *, constraints: str = ""
) -> tuple[str, list[str]]:
    """Ask uv for something of the requirements; return its output, and what had to be built from source.

    Where only a source distribution exists, the building of just that one is allowed. Raises
    NoWheelError, DependencyError.
    """
    built: list[str] = []
    while True:
        more = [*command, *(f"--no-binary={name}" for name in built)]
        finished = _run(requirements, target, more, constraints)
        if finished.returncode == 0:
            return finished.stdout, built
        sourced = dependency_faults.only_source(finished.stderr)
        if sourced is None or sourced in built:
            raise dependency_faults.explain(finished, requirements.origin, str(target), built)
        built.append(sourced)


def _run(
    requirements: Requirements, target: Target, command: list[str], constraints: str
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="polyfn-uv-") as folder:
        listed = requirements.file or _written(Path(folder, "requirements.txt"), requirements.text)
        # `pip compile` takes as arguments what `pip install` takes with -r.
        arguments = [str(listed)] if "compile" in command else ["-r", str(listed)]
        if requirements.hashed and "compile" not in command:
            arguments.append("--require-hashes")
        elif not requirements.hashed:
            # A marker that never holds takes a distribution out of the resolution.
            home = "\n".join(f"{name}; python_version < '3'" for name in staying_home())
            arguments += ["--override", str(_written(Path(folder, "home.txt"), home))]
        if constraints.strip():
            arguments += ["--constraint", str(_written(Path(folder, "constraints.txt"), constraints))]
        return uv_command.run(*command, "--only-binary=:all:", *target.arguments(), *arguments)


def _written(path: Path, text: str) -> Path:
    path.write_text(re.sub(r"\n*\Z", "\n", text), encoding="utf-8")
    return path
