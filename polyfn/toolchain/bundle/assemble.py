"""Putting a bundle together: the tree that `Bundle` describes, from its parts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

import polyfn
from polyfn.toolchain import progress, pythons
from polyfn.toolchain.bundle import builders, bytecode, dependencies, digests, pack, ships, start
from polyfn.toolchain.bundle.compiler import Compiler
from polyfn.toolchain.bundle.interpreter import Interpreter, complete, install
from polyfn.toolchain.bundle.requirements import Requirements
from polyfn.toolchain.bundle.script import start_script
from polyfn.toolchain.bundle.site import distributions
from polyfn.toolchain.bundle.store import Notes, Store
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
    #: The form of the artifact, where the provider has several.
    format: str | None = None

    def target(self, python: str) -> dependencies.Target:
        """Return what dependencies are installed for; `python` is the interpreter's minor version."""
        return dependencies.Target(python, self.platform, self._own if pythons.threaded(python) else None)

    @cached_property
    def _own(self) -> str | None:
        return builders.own(self.interpreter, arch=self.arch, python=self.python, cache=self.cache)


def needs(plan: Plan, manifest: Manifest) -> set[str]:
    """Return what must be in the bundle whatever the project names: for binding, and for the runtime."""
    return {need for entry in manifest.functions for need in entry.needs} | provider_needs(plan, manifest)


def provider_needs(plan: Plan, manifest: Manifest) -> set[str]:
    """Return what the provider's runtime imports beyond the standard library."""
    asked = plan.provider.needs
    return set() if asked is None else set(asked(manifest, plan.settings, plan.format))


@dataclass(frozen=True)
class Kept:
    """What of a bundle may be in the store, and under which keys; None where no key can stand for it."""

    store: Store
    python: str = ""
    interpreter: str | None = None
    site: str | None = None
    pins: str = ""
    #: What compiles; None for a bundle without bytecode.
    compiler: Compiler | None = None

    @property
    def build(self) -> str | None:
        """What stands for the bytes that the compiler writes."""
        return self.compiler.build if self.compiler is not None else None


def stage(project: Project, provider: Provider, root: Path, *, out: Path | None) -> None:
    """Make `root/app` and `root/runtime`, which are the same for every architecture."""
    for path, name in select(project, out=out):
        target = root / "app" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    ships.copy(provider.ships, root / "runtime")


def assemble(
    plan: Plan, manifest: Manifest, staged: Path, root: Path, kept: Kept, *, log: Callable[[str], None]
) -> Bundle:
    """Make the whole tree at `root` from what was staged. Raises InterpreterError, DependencyError."""
    shutil.copytree(staged, root)
    interpreter = _interpreter(plan, root, kept, log)
    if plan.interpreter != "platform":
        check_python(plan.provider, interpreter.python, plan.provider.pythons)
    installed = _dependencies(plan, manifest, interpreter, root, kept)
    with progress.step("copying shared libraries"):
        lacking = complete(interpreter, root)
    for library in lacking:
        log(f"{library} was not found on this machine: what needs it will not load")
    _write(plan, manifest, root, interpreter, installed)
    if interpreter.source != "linked":
        _compile(root, kept, log)
        _pack(plan, manifest, root, interpreter)
    return Bundle(root, plan.arch, interpreter.python, interpreter.source, interpreter.command, installed)


def _interpreter(plan: Plan, root: Path, kept: Kept, log: Callable[[str], None]) -> Interpreter:
    """Install the interpreter with its bytecode, from the store if it was made before."""

    def make() -> Notes:
        with progress.step("copying the interpreter"):
            made = install(
                plan.interpreter, arch=plan.arch, python=plan.python, root=root, cache=plan.cache, log=log,
                keep=plan.project.settings.keep, prune=plan.project.settings.prune,
            )  # fmt: skip
        if (root / "python").is_dir():
            with progress.step("compiling the interpreter"):
                bytecode.compile_tree(root, kept.compiler, log, (("python",),))
        return asdict(made)

    named = kept.interpreter
    key = named and digests.key(
        interpreter=named, arch=plan.arch, compiler=kept.build, polyfn=digests.code("polyfn"),
        keep=plan.project.settings.keep, prune=plan.project.settings.prune,
    )  # fmt: skip
    # `platform` and `linked` put nothing into the bundle.
    notes = make() if plan.interpreter in ("platform", "linked") else kept.store.once(
        "interpreters", key, root / "python", make
    )  # fmt: skip
    return Interpreter(**{**notes, "command": tuple(notes["command"])})


def _dependencies(
    plan: Plan, manifest: Manifest, interpreter: Interpreter, root: Path, kept: Kept
) -> dict[str, str]:
    site = root / "site"
    if plan.site is not None:
        shutil.copytree(plan.site, site)
        return distributions(site)
    target = plan.target(interpreter.python)
    return install_dependencies(plan.requirements, site, target, kept, needs(plan, manifest))


def install_dependencies(
    requirements: Requirements, site: Path, target: dependencies.Target, kept: Kept, needs: Iterable[str] = ()
) -> dict[str, str]:
    """Install the dependencies, from the store if the same ones were installed before."""

    def make() -> Notes:
        with progress.step("installing dependencies"):
            made = dependencies.install(requirements, site, target, needs=needs, pins=kept.pins)
        return {"distributions": made}

    return dict(kept.store.once("sites", kept.site, site, make)["distributions"])


def _compile(root: Path, kept: Kept, log: Callable[[str], None]) -> None:
    """Compile the dependencies, from the store if that was done before, and the code."""
    key = kept.site and digests.key(
        site=kept.site, compiler=kept.build, interpreter=kept.interpreter,
        polyfn=digests.code("polyfn"),
    )  # fmt: skip
    shares: list[tuple[str, ...]] = [("app", "runtime")]
    if kept.store.take("bytecode", key, root / "site") is None:
        shares.append(("site",))
    with progress.step("compiling"):
        done = bytecode.compile_tree(root, kept.compiler, log, shares)
    if done and len(shares) > 1 and key is not None and (root / "site").is_dir():
        with tempfile.TemporaryDirectory(prefix="polyfn-") as folder:
            for path in (root / "site").rglob("*.pyc"):
                place = Path(folder, path.relative_to(root / "site"))
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
            kept.store.put("bytecode", key, Path(folder), {})


def _pack(plan: Plan, manifest: Manifest, root: Path, interpreter: Interpreter) -> None:
    """Put the runtime's bytecode into one file."""
    settings = plan.settings.model_dump(mode="json")
    facts = start.facts(plan.project, manifest, plan.provider, settings)
    if interpreter.source != "platform":
        pack.pack(root, plan.provider.runtime, facts)


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
        runtime=ships.versions(plan.provider.ships),
    )
    (root / "polyfn.json").write_text(
        described.model_dump_json(by_alias=True, indent=2) + "\n", encoding="utf-8"
    )
