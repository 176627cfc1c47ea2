"""Putting a bundle together: the tree that `Bundle` describes, from its parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

import polyfn
from polyfn.toolchain.bundle import bytecode, dependencies, ships, start
from polyfn.toolchain.bundle.interpreter import Interpreter, complete, install
from polyfn.toolchain.bundle.requirements import Requirements
from polyfn.toolchain.bundle.script import start_script
from polyfn.toolchain.bundle.site import distributions
from polyfn.toolchain.choices import check_python
from polyfn.toolchain.manifest import ArtifactManifest, InterpreterEntry, Manifest
from polyfn.toolchain.project import Project
from polyfn.toolchain.project.files import select
from polyfn.toolchain.provider import Arch, Bundle, Platform, Provider


@dataclass(frozen=True)
class Plan:
    """What goes into one bundle. `interpreter` is a source, as `interpreter.install` takes it."""

    project: Project
    provider: Provider
    settings: BaseModel
    requirements: Requirements
    arch: Arch
    python: str | None
    interpreter: str | None
    #: None installs for this machine, for a bundle that is not going to leave it.
    platform: Platform | None
    cache: Path
    #: The dependencies, where they are installed already.
    site: Path | None = None


def stage(project: Project, provider: Provider, root: Path, *, out: Path | None) -> None:
    """Make `root/app` and `root/runtime`, which are the same for every architecture."""
    for path, name in select(project, out=out):
        target = root / "app" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    ships.copy(provider.ships, root / "runtime")


def assemble(
    plan: Plan, manifest: Manifest, staged: Path, root: Path, *, log: Callable[[str], None]
) -> Bundle:
    """Make the whole tree at `root` from what was staged. Raises InterpreterError, DependencyError."""
    shutil.copytree(staged, root)
    interpreter = install(
        plan.interpreter, arch=plan.arch, python=plan.python, root=root, cache=plan.cache, log=log
    )
    if plan.interpreter != "platform":
        check_python(plan.provider, interpreter.python, plan.provider.pythons)
    installed = _dependencies(plan, manifest, interpreter.python, root / "site")
    for library in complete(interpreter, root):
        log(f"{library} was not found on this machine: what needs it will not load")
    _write(plan, manifest, root, interpreter, installed)
    if interpreter.source != "linked":
        bytecode.compile_tree(root, interpreter, log)
    return Bundle(root, plan.arch, interpreter.python, interpreter.source, interpreter.command, installed)


def _dependencies(plan: Plan, manifest: Manifest, python: str, site: Path) -> dict[str, str]:
    if plan.site is not None:
        shutil.copytree(plan.site, site)
        return distributions(site)
    needs = {need for entry in manifest.functions for need in entry.needs}
    return dependencies.install(
        plan.requirements, site, dependencies.Target(python, plan.platform), needs=needs
    )


def _write(
    plan: Plan, manifest: Manifest, root: Path, interpreter: Interpreter, installed: dict[str, str]
) -> None:
    settings = plan.settings.model_dump(mode="json")
    text = start.text(plan.project, manifest, plan.provider, settings)
    (root / "start.py").write_text(text, encoding="utf-8")
    if interpreter.source != "platform":
        (root / "start").write_text(start_script(interpreter.command), encoding="utf-8")
        (root / "start").chmod(0o755)
    described = ArtifactManifest(
        polyfn=polyfn.__version__,
        target=plan.provider.name,
        arch=plan.arch,
        interpreter=InterpreterEntry(
            source=interpreter.source, version=interpreter.version, origin=interpreter.origin
        ),
        project=plan.project.name,
        functions=manifest.functions,
        settings=settings,
        distributions=installed,
    )
    (root / "polyfn.json").write_text(
        described.model_dump_json(by_alias=True, indent=2) + "\n", encoding="utf-8"
    )
