"""The packaging line: project, collect, bundle, wrap.

`package` makes artifacts to deploy; `quick` makes one to run on this machine now.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from polyfn.toolchain import checks, choices
from polyfn.toolchain.bundle import bytecode, dependencies, requirements
from polyfn.toolchain.bundle.assemble import Plan, assemble, stage
from polyfn.toolchain.bundle.find import base_executable, default_python
from polyfn.toolchain.bundle.interpreter import refuse_foreign_host
from polyfn.toolchain.bundle.requirements import Requirements
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.collect import Surroundings, collect
from polyfn.toolchain.errors import InterpreterError, UsageError
from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.project import Project, load
from polyfn.toolchain.provider import Arch, Artifact, Build
from polyfn.toolchain.publishing import refuse_among_code, staging

Log = Callable[[str], None]

#: 1980-01-01, the first moment that a zip file can name.
EPOCH = 315532800


@dataclass(frozen=True)
class PackageRequest:
    """What was asked for on the command line; what is None or empty comes from the project."""

    path: Path
    target: str
    archs: tuple[Arch, ...] = ()
    python: str | None = None
    interpreter: str | None = None
    out: Path = Path("dist")


def package(
    request: PackageRequest, *, log: Log = lambda _: None, plugins: Plugins | None = None
) -> list[Artifact]:
    """Make one artifact per architecture: all of them appear in `request.out`, or none.

    Raises PolyfnError for every known trouble.
    """
    plugins = plugins or Plugins(warn=log)
    project = load(request.path)
    provider = plugins.provider(request.target)
    platforms = choices.platforms(provider, request.archs)
    interpreter = choices.interpreter(project, request.interpreter)
    plan = Plan(
        project=project,
        provider=provider,
        settings=choices.settings(project, provider, log),
        requirements=requirements.read(project),
        arch=platforms[0].arch,
        python=choices.python(project, provider, request.python, interpreter),
        interpreter=interpreter,
        platform=platforms[0],
        cache=cache_folder(),
    )
    plans = [replace(plan, arch=platform.arch, platform=platform) for platform in platforms]
    for one in plans:
        refuse_foreign_host(interpreter, one.arch)
    refuse_among_code(request.out, project)
    with staging(request.out) as out, tempfile.TemporaryDirectory(prefix="polyfn-") as folder:
        line = _Line(Path(folder), request.out, log, plugins)
        manifest, _ = line.collected(plan)
        checks.refuse(manifest, provider)
        artifacts = line.all_wrapped(plans, manifest, out)
    return [_published(artifact, out, request.out) for artifact in artifacts]


def quick(
    path: Path,
    target: str,
    *,
    out: Path,
    python: str | None = None,
    log: Log = lambda _: None,
    plugins: Plugins | None = None,
) -> Artifact:
    """Make an artifact that runs on this machine alone, with this machine's interpreter.

    It is written into `out`, which the caller removes. Raises PolyfnError for every known trouble.
    """
    plugins = plugins or Plugins(warn=log)
    project = load(path)
    provider = plugins.provider(target)
    plan = Plan(
        project=project,
        provider=provider,
        settings=choices.settings(project, provider, log),
        requirements=requirements.read(project),
        arch=choices.here(provider).arch,
        python=choices.python(project, provider, python, "linked"),
        interpreter="linked",
        platform=None,
        cache=cache_folder(),
    )
    with tempfile.TemporaryDirectory(prefix="polyfn-") as folder:
        line = _Line(Path(folder), out, log, plugins)
        manifest, site = line.collected(plan, stays=True)
        bytecode.keep(line.staged, *([site] if site else []))
        return line.wrapped(replace(plan, site=site), manifest, out)


def inspect(
    path: Path, target: str, *, log: Log = lambda _: None, plugins: Plugins | None = None
) -> tuple[Project, Manifest]:
    """Collect alone: what the project declares, seen as the target will see it."""
    plugins = plugins or Plugins(warn=log)
    project = load(path)
    provider = plugins.provider(target)
    plan = Plan(
        project=project,
        provider=provider,
        settings=choices.settings(project, provider, log),
        requirements=requirements.read(project),
        arch=provider.platforms[0].arch,
        python=choices.python(project, provider, None, project.settings.interpreter),
        interpreter=None,
        platform=None,
        cache=cache_folder(),
    )
    with tempfile.TemporaryDirectory(prefix="polyfn-") as folder:
        return project, _Line(Path(folder), Path(folder), log, plugins).collected(plan)[0]


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


def _published(artifact: Artifact, staged: Path, out: Path) -> Artifact:
    """The artifact where it lies in the end."""
    if not artifact.path.is_relative_to(staged):
        return artifact
    return replace(artifact, path=out / artifact.path.relative_to(staged))


class _Line:
    """One run of the line, in a directory that is removed after it."""

    def __init__(self, folder: Path, out: Path, log: Log, plugins: Plugins) -> None:
        self.folder, self.out, self.log, self.plugins = folder, out, log, plugins
        self.epoch = epoch()
        # Loaded before threads need it.
        self.hook = plugins.hook

    @property
    def staged(self) -> Path:
        """The parts that every architecture shares."""
        return self.folder / "staged"

    def collected(self, plan: Plan, *, stays: bool = False) -> tuple[Manifest, Path | None]:
        """Stage the code and collect; also return the dependencies as installed for this machine.

        With `stays`, for a bundle that stays here, what is compiled on the way is left there.
        """
        stage(plan.project, plan.provider, self.staged, out=self.out)
        python, version = self._python(plan)
        site, target = self.folder / "site", dependencies.Target(version, None)
        dependencies.install(plan.requirements, site, target)
        surroundings = Surroundings(
            python, self.staged / "app", self.staged / "runtime", site if site.is_dir() else None, stays
        )
        manifest = collect(plan.project, surroundings)
        missing = dependencies.missing({need for entry in manifest.functions for need in entry.needs}, site)
        if missing:
            origin = plan.requirements.origin
            self.log(
                f"adding {', '.join(missing)}: payloads are validated with it, and {origin} does not name it"
            )
            only = Requirements(origin, constraints=plan.requirements.constraints)
            dependencies.install(only, site, target, needs=missing)
            # Once more, now that payloads have a JSON Schema.
            manifest = collect(plan.project, replace(surroundings, site=site))
        return manifest, site if site.is_dir() else None

    def all_wrapped(self, plans: list[Plan], manifest: Manifest, out: Path) -> list[Artifact]:
        """Bundle and wrap for every architecture, at the same time."""
        if len(plans) == 1:  # no thread, so that Ctrl-C need not wait for one
            return [self.wrapped(plans[0], manifest, out)]
        with ThreadPoolExecutor(len(plans)) as pool:
            return list(pool.map(lambda plan: self.wrapped(plan, manifest, out), plans))

    def wrapped(self, plan: Plan, manifest: Manifest, out: Path) -> Artifact:
        """Bundle for one architecture and let the provider wrap it."""
        root = self.folder / plan.arch
        bundle = assemble(plan, manifest, self.staged, root, log=self.log)
        build = Build(plan.project.name, manifest, bundle, plan.settings, out, self.epoch, self.log)
        self.hook.polyfn_before_package(build=build)
        artifact = plan.provider.package(build)
        self.hook.polyfn_after_package(artifact=artifact, build=build)
        return artifact

    def _python(self, plan: Plan) -> tuple[str, str]:
        """Return the Python to collect with: the target's version if it is installed here."""
        version = plan.python or default_python()
        try:
            return base_executable(version), ".".join(version.split(".")[:2])
        except InterpreterError:
            here = default_python()
            self.log(f"Python {version} is not installed on this machine: reading the functions with {here}")
            return base_executable(None), here
