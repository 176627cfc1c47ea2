"""What to package for: architectures, Python and settings.

Each is chosen by the command line, the project or the provider, in that order.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import BaseModel, ValidationError

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle.find import default_python, host_arch
from polyfn.toolchain.errors import PlatformError, ProjectError
from polyfn.toolchain.installed import PROVIDERS, installed
from polyfn.toolchain.project import Project
from polyfn.toolchain.project.settings import explain
from polyfn.toolchain.provider import Arch, Platform, Provider

#: Interpreter sources that have a name; anything else is an archive.
NAMED = ("managed", "host", "platform", "linked")


def settings(project: Project, provider: Provider, log: Callable[[str], None]) -> BaseModel:
    """Validate `[tool.polyfn.<target>]`. Raises ProjectError. A table of no target is told to `log`."""
    names = {plugin.name for plugin in installed(PROVIDERS)} | {provider.name}
    for table in project.providers:
        close = difflib.get_close_matches(table, sorted(names), n=1)
        if table not in names and close:
            log(
                f"[tool.polyfn.{table}] is of no installed target and has no effect; "
                f"did you mean {close[0]!r}?"
            )
    try:
        return provider.settings.model_validate(project.providers.get(provider.name, {}))
    except ValidationError as error:
        table = f"tool.polyfn.{provider.name}"
        raise ProjectError(
            f"{project.declared_in.name}: {explain(error, table)}",
            hint=f"[{table}] takes {', '.join(provider.settings.model_fields) or 'no settings'}",
        ) from None


def platforms(provider: Provider, archs: Sequence[Arch]) -> list[Platform]:
    """Return the platforms of the named architectures, else of amd64 or the provider's first."""
    there = {platform.arch: platform for platform in provider.platforms}
    wanted = list(dict.fromkeys(archs)) or ["amd64" if "amd64" in there else next(iter(there))]
    for arch in wanted:
        if arch not in there:
            why = f": {provider.absent[arch]}" if arch in provider.absent else ""
            raise PlatformError(
                f"the target {provider.name!r} has no architecture {arch!r}{why}; it has {', '.join(there)}"
            )
    return [there[arch] for arch in wanted]


def here(provider: Provider) -> Platform:
    """Return the provider's platform of this machine's architecture. Raises PlatformError."""
    return platforms(provider, [host_arch()])[0]


def python(project: Project, provider: Provider, wanted: str | None, interpreter: str | None) -> str | None:
    """Choose the version of Python: as wanted, as set, or one that the project allows.

    Of those, the running one is preferred, then the provider's newest.

    None leaves it to an archive. Raises PlatformError and ProjectError.
    """
    allowed = provider.platform_pythons if interpreter == "platform" else provider.pythons
    if not allowed:
        raise PlatformError(
            f"polyfn cannot use a Python of the target {provider.name!r} itself",
            hint="leave --interpreter at its default: the artifact brings its own Python",
        )
    chosen = wanted or project.settings.python
    if chosen is None and interpreter is not None and interpreter not in NAMED:
        return None
    if chosen is None:
        newest = sorted(allowed, key=pythons.numbers, reverse=True)
        running = default_python() if interpreter != "platform" else pythons.plain(default_python())
        fitting = [v for v in (running, *newest) if pythons.plain(v) in allowed and _allows(project, v)]
        if not fitting:
            raise PlatformError(
                f"the target {provider.name!r} has {_listed(allowed)}, and {project.name} requires "
                f"Python {project.requires_python or default_python()}"
            )
        return fitting[0]
    check_python(provider, chosen, allowed)
    if interpreter == "platform" and pythons.threaded(chosen):
        raise PlatformError(
            f"the target {provider.name!r} has no free-threaded Python of its own",
            hint="leave --interpreter at its default: the artifact brings its own Python",
        )
    if not _allows(project, chosen):
        raise ProjectError(
            f"{project.declared_in.name}: requires-python = {project.requires_python!r} excludes {chosen}",
            hint="choose another --python, or widen requires-python",
        )
    return chosen


def check_python(provider: Provider, version: str, allowed: Sequence[str]) -> None:
    """Raise PlatformError if the provider does not run this minor version.

    `allowed` are minor versions; from 3.13 on each stands for its free-threaded build as well.
    """
    if pythons.plain(pythons.minor(version)) not in allowed:
        raise PlatformError(
            f"the target {provider.name!r} has no Python {version}; it has {_listed(allowed)}",
            hint="choose one of them with --python, or in [tool.polyfn]",
        )
    if pythons.threaded(version) and pythons.numbers(version) < pythons.FIRST_THREADED:
        raise PlatformError(
            f"there is no free-threaded Python {pythons.plain(version)}; the first is 3.13t",
            hint="choose a newer one with --python, or in [tool.polyfn]",
        )


def format_of(provider: Provider, wanted: str | None) -> str | None:
    """Return the form of the artifact: as wanted, or the provider's first. Raises PlatformError."""
    if wanted is not None and wanted not in provider.formats:
        has = f"it has {_listed(provider.formats)}" if provider.formats else "its artifacts have one form"
        raise PlatformError(
            f"the target {provider.name!r} has no format {wanted!r}; {has}",
            hint="choose one of them, or leave --format out",
        )
    return wanted or next(iter(provider.formats), None)


def interpreter(project: Project, provider: Provider, wanted: str | None, form: str | None) -> str | None:
    """Return the interpreter source: as wanted, or as set; a path that is set starts at the project.

    A format that carries none is for the platform's own.
    """
    chosen = project.settings.interpreter
    if wanted is None and form in provider.platform_formats:
        return "platform"
    if wanted is not None or chosen is None or chosen in NAMED or "://" in chosen:
        return wanted or chosen
    return str(project.root / chosen)


def _listed(versions: Sequence[str]) -> str:
    return ", ".join(versions)


def _allows(project: Project, version: str) -> bool:
    if project.requires_python is None:
        return True
    try:
        specifier = SpecifierSet(project.requires_python)
    except InvalidSpecifier:
        raise ProjectError(
            f"{project.declared_in.name}: requires-python = {project.requires_python!r} "
            "is no version specifier, such as '>=3.11'"
        ) from None
    # A minor version stands for its newest patch release.
    plain = pythons.plain(version)
    return specifier.contains(plain if plain.count(".") > 1 else f"{plain}.99")
