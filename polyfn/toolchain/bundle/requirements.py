"""What a project asks for: from its lock, its pyproject.toml, requirements.txt or script block."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from polyfn.toolchain import uv_command
from polyfn.toolchain.bundle import lock_age
from polyfn.toolchain.errors import DependencyError
from polyfn.toolchain.project import Project


@dataclass(frozen=True)
class Requirements:
    """Requirements as uv takes them, and where they came from, for messages.

    Either `text`, the lines of a requirements file, or `file`, one that uv reads in place because
    its meaning depends on where it lies. `local` are source trees beside the project, whose own
    requirements are in `text` already. `hashed` says that every line of `text` has its hashes.
    """

    origin: str
    text: str = ""
    file: Path | None = None
    local: tuple[str, ...] = ()
    hashed: bool = False
    constraints: str = ""

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.file or self.local)


def read(project: Project) -> Requirements:
    """Find the project's requirements, the most exact source first. Raises DependencyError."""
    lock = _lock(project)
    if lock is not None:
        lock_age.refuse_old(project, lock)
        return _locked(project, lock)
    if project.file is not None or project.dependencies or project.has_sources:
        if project.has_sources:
            return Requirements(project.declared_in.name, file=project.declared_in)
        return Requirements(project.declared_in.name, text="\n".join(project.dependencies))
    listed = project.root / "requirements.txt"
    if listed.is_file():
        return Requirements(listed.name, file=listed)
    return Requirements("no dependencies")


def staying_home() -> tuple[str, ...]:
    """The distributions of polyfn on this machine: what ships of them is copied, not installed."""
    names = {canonicalize_name(found.name) for found in importlib.metadata.distributions()}
    return tuple(sorted(name for name in {*names, "polyfn"} if _is_ours(name)))


def _is_ours(name: str) -> bool:
    return name == "polyfn" or name.startswith("polyfn-")


def _lock(project: Project) -> Path | None:
    if project.file is not None:
        lock = project.file.with_name(project.file.name + ".lock")
        return lock if lock.is_file() else None
    for folder in (project.root, *project.root.parents):
        if (folder / "uv.lock").is_file():
            return folder / "uv.lock" if _is_member(project, folder) else None
    return None


def _is_member(project: Project, workspace: Path) -> bool:
    """Whether a lock covers the project: a lock further up may be some other project's."""
    if workspace == project.root:
        return True
    try:
        lock = tomllib.loads((workspace / "uv.lock").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError:
        return False
    where = project.root.relative_to(workspace).as_posix()
    return any(
        where in (package.get("source", {}).get("editable"), package.get("source", {}).get("virtual"))
        for package in lock.get("package", [])
    )


def _locked(project: Project, lock: Path) -> Requirements:
    whole = _export(project, lock)
    # Pruned, because polyfn stays home and so does what only polyfn asks for.
    ours = sorted({*re.findall(r"(?m)^(polyfn(?:-[a-z0-9-]+)?)(?==)", whole), *_local_ours(lock)})
    text = _export(project, lock, *(f"--prune={name}" for name in ours)) if ours else whole
    lines = text.replace("\\\n", " ").splitlines()
    local = tuple(_absolute(line, lock.parent) for line in lines if _is_local(line))
    hashed = "\n".join(line for line in lines if line.strip() and not _is_local(line))
    return Requirements(
        lock.name,
        text=hashed,
        local=local,
        hashed="--hash=" in hashed,
        constraints="\n".join(re.findall(r"(?m)^[a-zA-Z0-9._-]+==\S+", whole)),
    )


def _export(project: Project, lock: Path, *more: str) -> str:
    what = ("--script", project.file) if project.file is not None else ("--no-emit-project",)
    finished = uv_command.run(
        "export", "--frozen", "--no-dev", "--no-editable", "--no-header", "--no-annotate", *what, *more,
        cwd=project.root,
    )  # fmt: skip
    if finished.returncode:
        raise DependencyError(
            f"{lock.name} cannot be read\n{uv_command.said(finished)}", hint="make it anew: uv lock"
        )
    return finished.stdout


def _local_ours(lock: Path) -> list[str]:
    """Distributions of polyfn that the lock takes from source trees."""
    packages = tomllib.loads(lock.read_text(encoding="utf-8")).get("package", [])
    return [package["name"] for package in packages if _is_ours(package["name"])]


def _is_local(line: str) -> bool:
    return line.startswith(("-e ", ".", "/", "file:")) or " @ " in line.partition(" ;")[0]


def _absolute(line: str, folder: Path) -> str:
    line = line.removeprefix("-e ").partition(" --hash")[0].strip()
    place, mark, marker = line.partition(" ; ")
    if place.startswith("."):
        place = str((folder / place).resolve())
    return f"{place}{mark}{marker}"
