"""What the host would not take, or would take for something else: refused before anything is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyfn.toolchain.manifest import FunctionEntry, Manifest
from polyfn_azure.bindings import bind
from polyfn_azure.routes import shape
from polyfn_azure.settings import AzureSettings
from polyfn_azure.transports import plan

#: https://github.com/Azure/azure-functions-host: Utility.IsValidFunctionName.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,127}", re.IGNORECASE | re.ASCII)
#: A function's folder may be one of the bundle's as well, but not a file of it.
_TAKEN = "start"


def refusals(manifest: Manifest, settings: AzureSettings) -> Iterator[str]:
    """Yield one message for everything that cannot be deployed as it is declared."""
    known = {entry.name for entry in manifest.functions}
    for name in sorted(settings.functions.keys() - known):
        yield f"[tool.polyfn.azure.functions.{name}] is of no function; there are {', '.join(sorted(known))}"
    for entry in manifest.functions:
        yield from _of(entry, settings)
    yield from _twins(manifest)
    yield from _same_routes(manifest)
    if settings.transport == "forward":
        yield from _ambiguous(manifest, settings)


def _of(entry: FunctionEntry, settings: AzureSettings) -> Iterator[str]:
    if not _NAME.fullmatch(entry.name) or entry.name.lower() == "host":
        yield (
            f"{entry.name!r} is no name of a function on Azure: expected a letter, then up to 127 letters, "
            "digits, '_' and '-', and not 'host'"
        )
    elif entry.name.lower() == _TAKEN:
        yield f"{entry.name!r} is what the host starts; give the function another name"
    try:
        bind(entry, settings)
    except ValueError as error:
        hint = getattr(error, "hint", None)
        yield f"{entry.name}: {error}" + (f" ({hint})" if hint else "")


def _twins(manifest: Manifest) -> Iterator[str]:
    seen: dict[str, str] = {}
    for entry in manifest.functions:
        other = seen.setdefault(entry.name.lower(), entry.name)
        if other != entry.name:
            yield f"{other!r} and {entry.name!r} differ by case alone, and are one name to Azure"


def _same_routes(manifest: Manifest) -> Iterator[str]:
    taken: dict[tuple[str, str | None], str] = {}
    for entry in manifest.functions:
        if entry.trigger["kind"] != "http":
            continue
        try:
            key = (shape(entry.trigger.get("route")), entry.trigger.get("method"))
        except ValueError:
            continue  # It is told of already.
        other = taken.setdefault(key, entry.name)
        if other != entry.name:
            yield f"{other} and {entry.name} have one route: the host minds neither case nor a last slash"


def _ambiguous(manifest: Manifest, settings: AzureSettings) -> Iterator[str]:
    for route, name in plan(manifest, settings).clashes:
        yield (
            f"a request forwarded for {route or 'every path'} cannot be told from an event for {name}: set "
            'transport = "proxy", or a route_prefix'
        )
