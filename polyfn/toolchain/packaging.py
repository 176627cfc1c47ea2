"""The packaging line: project, collect, bundle, wrap. Each step is a method of `line.Line`.

`package` makes artifacts to deploy; `quick` makes one to run on this machine now.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from polyfn.toolchain import checks, choices, gates
from polyfn.toolchain.bundle import bytecode, requirements
from polyfn.toolchain.bundle import interpreter as interpreters
from polyfn.toolchain.bundle.assemble import Kept, Plan
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.interrupts import parallel
from polyfn.toolchain.line import EPOCH, Line, epoch
from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.project import Project, load
from polyfn.toolchain.provider import Arch, Artifact
from polyfn.toolchain.publishing import MADE, gather, refuse_among_code, staging

if TYPE_CHECKING:
    from polyfn.toolchain.report.examiner import Examiner

__all__ = ["EPOCH", "PackageRequest", "epoch", "inspect", "package", "quick"]

Log = Callable[[str], None]


@dataclass(frozen=True)
class PackageRequest:
    """What was asked for on the command line; what is None or empty comes from the project."""

    path: Path
    target: str
    archs: tuple[Arch, ...] = ()
    python: str | None = None
    interpreter: str | None = None
    out: Path = Path("dist")
    #: Makes everything anew, whatever the cache has.
    refresh: bool = False
    #: Refuses to publish what would not run on the target; codes of findings in `ignore` do not count.
    verify: bool = False
    ignore: tuple[str, ...] = ()
    #: One of the provider's; its first if None.
    format: str | None = None


def package(
    request: PackageRequest,
    *,
    log: Log = lambda _: None,
    plugins: Plugins | None = None,
    examiner: Examiner | None = None,
) -> list[Artifact]:
    """Make one artifact per architecture, or one of all: all of them appear in `request.out`, or none.

    `examiner` is asked where a budget has to be held, so that who asks it afterwards need not wait again.
    Raises PolyfnError for every known trouble.
    """
    plugins = plugins or Plugins(warn=log)
    plans = plan(request, log, plugins)
    store = Store(cache_folder(), log, request.refresh)
    refuse_among_code(request.out, plans[0].project)
    with folder() as place, staging(request.out) as staged:
        line = Line(place, staged / MADE, log, plugins, store)
        line.stage(plans[0], request.out)
        kept = parallel(line.kept, plans)
        pairs = list(zip(plans, kept, strict=True))
        manifest = line.manifest(plans, kept)
        checks.refuse(manifest, plans[0].provider)
        artifacts = parallel(lambda pair: line.wrapped(*pair, manifest), pairs)
        for artifact in artifacts:
            if request.verify:
                gates.verified(artifact, plans[0].provider, store, log, ignore=request.ignore)
            gates.within_budget(artifact, plans[0].project, log, examiner)
        return gather(line.combined(plans[0], artifacts), staged, request.out)


def plan(request: PackageRequest, log: Log, plugins: Plugins) -> list[Plan]:
    """Decide what goes into each bundle. Raises ProjectError, PlatformError, InterpreterError."""
    project = load(request.path)
    provider = plugins.provider(request.target)
    platforms = choices.platforms(provider, request.archs)
    form = choices.format_of(provider, request.format)
    interpreter = choices.interpreter(project, provider, request.interpreter, form)
    for platform in platforms:
        interpreters.refuse_foreign_host(interpreter, platform.arch)
    first = Plan(
        project=project,
        provider=provider,
        settings=choices.settings(project, provider, log),
        requirements=requirements.read(project),
        arch=platforms[0].arch,
        python=choices.python(project, provider, request.python, interpreter),
        interpreter=interpreter,
        platform=platforms[0],
        cache=cache_folder(),
        format=form,
    )
    return [
        replace(
            first,
            arch=platform.arch,
            platform=platform,
            interpreter=interpreters.choose(
                interpreter, arch=platform.arch, python=first.python, cache=first.cache,
                refresh=request.refresh, log=log,
            ),
        )
        for platform in platforms
    ]  # fmt: skip


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
    chosen = Plan(
        project=project,
        provider=provider,
        settings=choices.settings(project, provider, log),
        requirements=requirements.read(project),
        arch=choices.here(provider).arch,
        python=choices.python(project, provider, python, "linked"),
        interpreter="linked",
        platform=None,
        cache=cache_folder(),
        format=choices.format_of(provider, None),
    )
    with folder() as place, staging(out) as staged:
        line = Line(place, staged / MADE, log, plugins, Store(cache_folder(), log))
        line.stage(chosen, out)
        manifest, site = line.collected(chosen, stays=True)
        bytecode.keep(line.staged, *([site] if site else []))
        artifact = line.wrapped(replace(chosen, site=site), Kept(line.store), manifest)
        return gather([artifact], staged, out)[0]


def inspect(
    path: Path, target: str, *, log: Log = lambda _: None, plugins: Plugins | None = None
) -> tuple[Project, Manifest]:
    """Collect alone: what the project declares, seen as the target will see it."""
    plugins = plugins or Plugins(warn=log)
    project = load(path)
    provider = plugins.provider(target)
    chosen = Plan(
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
    with folder() as place:
        line = Line(place, place, log, plugins, Store(cache_folder(), log))
        line.stage(chosen, None)
        return project, line.collected(chosen)[0]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Give a directory for one run of the line, gone after it however the run ends."""
    with tempfile.TemporaryDirectory(prefix="polyfn-") as name:
        yield Path(name)
