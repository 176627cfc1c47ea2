"""What packaging would do, told without building anything: `--explain` and `--dry-run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from polyfn.toolchain.bundle import explain, identity, interpreter, requirements
from polyfn.toolchain.bundle.assemble import Plan, provider_needs
from polyfn.toolchain.bundle.dependencies import Target
from polyfn.toolchain.bundle.resolve import Resolver
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.packaging import PackageRequest, plan
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.project.files import select

Log = Callable[[str], None]


@dataclass(frozen=True)
class Preview:
    """One architecture: what would go in, and what would be left out of the interpreter.

    `left_out` has path, bytes, and the name that keeps it with `keep`, None for what never goes in.
    """

    arch: str
    python: str
    interpreter: str
    requirements: str
    files: tuple[str, ...]
    distributions: tuple[explain.Choice, ...]
    left_out: tuple[tuple[str, int, str | None], ...]


def preview(request: PackageRequest, *, log: Log, plugins: Plugins) -> list[Preview]:
    """Tell for every architecture. Raises what packaging raises up to there.

    Modules are not imported, so what binding adds (pydantic) is told only if the project names it, and
    of what the provider's runtime needs, only what it needs whatever the functions are.
    """
    plans = plan(request, log, plugins)
    store = Store(cache_folder(), log, request.refresh)
    resolver = Resolver(store)
    return [_one(one, request, resolver, store) for one in plans]


def _one(one: Plan, request: PackageRequest, resolver: Resolver, store: Store) -> Preview:
    assert one.interpreter is not None
    told = identity.interpreter(one.interpreter, arch=one.arch, python=one.python, store=store)
    target = Target(told.python, one.platform)
    wanted = requirements.read(one.project)
    parts = resolver.parts(wanted, target, provider_needs(one, Manifest(functions=())))
    settings = one.project.settings
    left = interpreter.left_out(
        one.interpreter,
        arch=one.arch,
        python=one.python,
        cache=one.cache,
        keep=settings.keep,
        prune=settings.prune,
    )
    return Preview(
        arch=one.arch,
        python=told.python,
        interpreter=one.interpreter if one.interpreter in ("managed", "host", "platform") else "archive",
        requirements=wanted.origin,
        files=tuple(name for _, name in select(one.project, out=request.out)),
        distributions=tuple(explain.explain(wanted, parts, target)),
        left_out=tuple((item.path, item.size, item.keep) for item in left),
    )
