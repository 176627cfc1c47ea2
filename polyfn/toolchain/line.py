"""One run of the packaging line: stage, collect, bundle, wrap, with what the store has of it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from polyfn.toolchain import progress, pythons
from polyfn.toolchain.bundle import compiler, dependencies, digests, identity
from polyfn.toolchain.bundle import interpreter as interpreters
from polyfn.toolchain.bundle.assemble import (
    Kept,
    Plan,
    assemble,
    install_dependencies,
    needs,
    provider_needs,
    stage,
)
from polyfn.toolchain.bundle.find import base_executable, default_python
from polyfn.toolchain.bundle.requirements import Requirements
from polyfn.toolchain.bundle.resolve import Resolver
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.collect import Surroundings, collect
from polyfn.toolchain.errors import InterpreterError, ToolchainError, UsageError
from polyfn.toolchain.interrupts import parallel
from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.provider import Artifact, Build, Combination, Wrapping

Log = Callable[[str], None]

#: 1980-01-01, the first moment that a zip file can name.
EPOCH = 315532800


def epoch() -> int:
    """Return SOURCE_DATE_EPOCH, or 1980-01-01 where it is not set. Raises UsageError."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return EPOCH
    if not text.isdigit():
        raise UsageError(
            f"SOURCE_DATE_EPOCH is {text!r}; expected seconds since 1970",
            hint="for example: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)",
        )
    return int(text)


class Line:
    """One run of the line, in a directory that is removed after it. Artifacts are written below `out`."""

    def __init__(self, folder: Path, out: Path, log: Log, plugins: Plugins, store: Store) -> None:
        self.folder, self.out, self.log, self.plugins, self.store = folder, out, log, plugins, store
        self.epoch = epoch()
        self.resolver = Resolver(store)
        # Loaded before threads need it.
        self.hook = plugins.hook

    @property
    def staged(self) -> Path:
        """The parts that every architecture shares."""
        return self.folder / "staged"

    def stage(self, plan: Plan, out: Path | None) -> None:
        """Copy the code and the runtime. `out` is a directory that is never carried."""
        with progress.step("copying the code"):
            stage(plan.project, plan.provider, self.staged, out=out)
            self.digest = digests.tree(self.staged)

    def kept(self, plan: Plan) -> Kept:
        """Find the names under which a bundle's parts are in the store. Raises what resolving raises."""
        assert plan.interpreter is not None
        with progress.step("looking up what is kept", plan.arch):
            told = identity.interpreter(
                plan.interpreter, arch=plan.arch, python=plan.python, store=self.store
            )
            site, pins = self.resolver.wanted(plan.requirements, plan.target(told.python))
            chosen = compiler.choose(
                told.version, arch=plan.arch, source=plan.interpreter, program=told.program,
                cache=plan.cache, log=self.log, refresh=self.store.refresh,
            )  # fmt: skip
            return Kept(self.store, told.python, told.digest, site, pins, chosen)

    def collected(
        self, plan: Plan, sites: Sequence[str | None] | None = None, *, stays: bool = False
    ) -> tuple[Manifest, Path | None]:
        """Collect; also return the dependencies as installed for this machine, if that was necessary.

        With `stays`, for a bundle that stays here, what is compiled on the way is left there.

        `sites` are what the dependencies come to for the targets: where they are the same as before,
        and the code is, so is the manifest.
        """
        python, version = self._python(plan)
        key = self._manifest_key(plan, python, sites) if sites is not None else None
        if (notes := self.store.notes("manifests", key)) is not None:
            for line in notes["log"]:
                self.log(line)
            return Manifest.model_validate(notes["manifest"]), None
        said: list[str] = []
        with progress.step("reading the functions"):
            manifest, site = self._collect(plan, python, version, said.append, stays)
        for line in said:
            self.log(line)
        notes = {"manifest": manifest.model_dump(mode="json"), "log": said}
        self.store.put("manifests", key, None, notes)
        return manifest, site

    def _collect(
        self, plan: Plan, python: str, version: str, log: Log, stays: bool
    ) -> tuple[Manifest, Path | None]:
        site, target = self.folder / "site", dependencies.Target(version, None)
        self._installed(plan.requirements, site, target)
        surroundings = Surroundings(
            python, self.staged / "app", self.staged / "runtime", site if site.is_dir() else None, stays
        )
        manifest = collect(plan.project, surroundings)
        missing = dependencies.missing({need for entry in manifest.functions for need in entry.needs}, site)
        # Only a bundle that stays here is served from what is installed here.
        more = dependencies.missing(provider_needs(plan, manifest), site) if stays else []
        if missing or more:
            shutil.rmtree(site, ignore_errors=True)
            self._installed(plan.requirements, site, target, [*missing, *more])
        if missing:
            origin = plan.requirements.origin
            log(f"adding {', '.join(missing)}: payloads are validated with it, and {origin} does not name it")
            # Once more, now that payloads have a JSON Schema.
            manifest = collect(plan.project, replace(surroundings, site=site))
        return manifest, site if site.is_dir() else None

    def _installed(
        self, requirements: Requirements, site: Path, target: dependencies.Target, needs: Sequence[str] = ()
    ) -> None:
        if requirements or needs:
            key, pins = self.resolver.wanted(requirements, target, needs)
            kept = Kept(self.store, target.python, site=key, pins=pins)
            install_dependencies(requirements, site, target, kept, needs)

    def _manifest_key(self, plan: Plan, python: str, sites: Sequence[str | None]) -> str | None:
        if not all(sites):
            return None
        return digests.key(
            sites=sites,
            staged=self.digest,
            modules=plan.project.modules,
            python=identity.version(python),
            polyfn=digests.code("polyfn"),
            origin=plan.requirements.origin,
            # A module may declare what its environment says.
            environment=digests.environment(),
        )

    def manifest(self, plans: Sequence[Plan], kept: Sequence[Kept]) -> Manifest:
        """Collect, and meanwhile install for the targets. Raises what collecting raises."""
        sites = [one.site for one in kept]

        def step(number: int) -> Manifest | None:
            if number < len(plans):
                self.early(plans[number], kept[number])
                return None
            return self.collected(plans[0], sites)[0]

        manifest = parallel(step, range(len(plans) + 1))[-1]
        assert manifest is not None
        return manifest

    def early(self, plan: Plan, kept: Kept) -> None:
        """Install the dependencies for a target while the functions are collected.

        They are taken from the store later. What fails here fails there again, and is told there.
        """
        if kept.site is None or not plan.requirements or self.store.refresh or self._is_there(kept):
            return
        with contextlib.suppress(ToolchainError), progress.step("preparing", plan.arch):
            place = self.folder / f"early-{plan.arch}"
            install_dependencies(plan.requirements, place, plan.target(kept.python), kept)
            shutil.rmtree(place, ignore_errors=True)

    def _is_there(self, kept: Kept) -> bool:
        return self.store.notes("sites", kept.site) is not None

    def wrapped(self, plan: Plan, kept: Kept, manifest: Manifest) -> Artifact:
        """Bundle for one architecture and let the provider wrap it, unless the store has the artifact."""
        out = self.out / plan.arch
        kept = self._with_needs(plan, kept, manifest)
        key = self._artifact_key(plan, kept, manifest)
        said: list[str] = []

        def log(line: str) -> None:
            if line not in said:
                said.append(line)
                self.log(line)

        def make() -> dict[str, Any]:
            artifact = self._wrap(plan, kept, manifest, out, log)
            return {"artifact": {**asdict(artifact), "path": artifact.path.name}, "log": said}

        with progress.step("bundling", plan.arch):
            notes = self.store.take("artifacts", key, out) or self.store.once("artifacts", key, out, make)
        for line in notes["log"]:
            log(line)  # what was said when it was made, here or by another process, is said again
        told = notes["artifact"]
        return Artifact(**{**told, "path": out / told["path"], "archs": tuple(told["archs"])})

    def combined(self, plan: Plan, artifacts: Sequence[Artifact]) -> Sequence[Artifact]:
        """Let the provider make one artifact of several architectures' ones, if it does so."""
        combine = plan.provider.combine
        if combine is None or len(artifacts) < 2:
            return artifacts
        out = self.out / "combined"
        out.mkdir()
        told = Combination(plan.project.name, plan.settings, out, self.epoch, self.log, plan.format)
        made = combine(artifacts, told)
        if made is None:
            return artifacts
        for artifact in artifacts:
            if artifact.path.is_dir():
                shutil.rmtree(artifact.path)
            else:
                artifact.path.unlink()
        return [made]

    def _with_needs(self, plan: Plan, kept: Kept, manifest: Manifest) -> Kept:
        wanted = needs(plan, manifest)
        if plan.interpreter == "linked" or not wanted:
            return kept
        site, pins = self.resolver.wanted(plan.requirements, plan.target(kept.python), wanted)
        return replace(kept, site=site, pins=pins)

    def _artifact_key(self, plan: Plan, kept: Kept, manifest: Manifest) -> str | None:
        if kept.site is None or kept.interpreter is None or self._hooked():
            return None
        package = plan.provider.package
        return digests.key(
            staged=self.digest,
            project=plan.project.name,
            manifest=manifest.model_dump(mode="json"),
            settings=plan.settings.model_dump(mode="json"),
            target=plan.provider.name,
            provider=digests.code(getattr(package, "__module__", type(package).__module__).partition(".")[0]),
            runtime=plan.provider.runtime,
            polyfn=digests.code("polyfn"),
            arch=plan.arch,
            platform=plan.platform,
            source=plan.interpreter,
            interpreter=kept.interpreter,
            keep=plan.project.settings.keep,
            prune=plan.project.settings.prune,
            python=plan.python,
            compiler=kept.build,
            site=kept.site,
            epoch=self.epoch,
            format=plan.format,
            inputs=self._inputs(plan),
        )

    def _inputs(self, plan: Plan) -> dict[str, str]:
        inputs, source = plan.provider.inputs, plan.interpreter
        if inputs is None or source is None:
            return {}
        return dict(inputs(Wrapping(plan.settings, plan.arch, interpreters.kind(source), plan.format)))

    def _hooked(self) -> bool:
        """Whether a plugin wants to see every bundle or artifact: then each is made for it."""
        hooks = (self.hook.polyfn_before_package, self.hook.polyfn_after_package)
        return any(hook.get_hookimpls() for hook in hooks)

    def _wrap(self, plan: Plan, kept: Kept, manifest: Manifest, out: Path, log: Log) -> Artifact:
        bundle = assemble(plan, manifest, self.staged, self.folder / plan.arch, kept, log=log)
        out.mkdir(parents=True, exist_ok=True)
        build = Build(plan.project.name, manifest, bundle, plan.settings, out, self.epoch, log, plan.format)
        with progress.step("running hooks of plugins"):
            self.hook.polyfn_before_package(build=build)
        with progress.step("wrapping"):
            artifact = plan.provider.package(build)
        with progress.step("running hooks of plugins"):
            self.hook.polyfn_after_package(artifact=artifact, build=build)
        return artifact

    def _python(self, plan: Plan) -> tuple[str, str]:
        """Return the Python to collect with: the target's version if it is installed here."""
        version = plan.python or default_python()
        try:
            return base_executable(version), pythons.minor(version)
        except InterpreterError:
            here = default_python()
            self.log(f"Python {version} is not installed on this machine: reading the functions with {here}")
            return base_executable(None), here
