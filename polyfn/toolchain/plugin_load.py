"""Loading one plugin, with everything that pluggy and Python leave unchecked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

from polyfn.toolchain import hooks
from polyfn.toolchain.errors import ApiLevelError, PluginError
from polyfn.toolchain.plugin_faults import frame_of, misused, one_line, see

if TYPE_CHECKING:
    from polyfn.toolchain.installed import Installed
    from polyfn.toolchain.provider import Provider


def manager() -> pluggy.PluginManager:
    """Return a pluggy manager that knows the hooks and no plugin."""
    made = pluggy.PluginManager(hooks.PROJECT)
    made.add_hookspecs(hooks)
    return made


def load(plugin: Installed) -> Any:
    """Import what an entry point names and check its hooks.

    Raises PluginError if that fails, if a hook is misspelled, or takes arguments it is not given.
    """
    try:
        module = plugin.entry.load()
    except (Exception, SystemExit) as error:
        frame = frame_of(error, plugin.entry.module)
        raise PluginError(
            f"plugin {plugin.name!r} of {plugin.origin} cannot be loaded: {one_line(error)}{frame}",
            hint=f"reinstall or upgrade it: pip install --upgrade {plugin.distribution}",
        ) from error
    scratch = manager()
    try:
        scratch.register(module, name=plugin.name)
        scratch.check_pending()
    except pluggy.PluginValidationError as error:
        raise misused(plugin, module, scratch, error) from error
    return module


def provider_of(module: Any, plugin: Installed) -> Provider:
    """Ask a loaded plugin for its provider, and check that it is one that this polyfn can use.

    Raises PluginError or ApiLevelError.
    """
    from polyfn.toolchain.provider import Provider

    scratch = manager()
    scratch.register(module)
    who = f"plugin {plugin.name!r} of {plugin.origin}"
    if not scratch.hook.polyfn_provider.get_hookimpls():
        raise PluginError(f"{who} has no provider: {_missing(module)}", hint=see("polyfn_provider"))
    try:
        answers = scratch.hook.polyfn_provider()
    except (Exception, SystemExit) as error:
        frame = frame_of(error, plugin.entry.module)
        raise PluginError(
            f"{who} failed in polyfn_provider(): {one_line(error)}{frame}",
            hint=f"upgrade it, or polyfn, to versions that fit: pip install --upgrade {plugin.distribution}",
        ) from error
    answer = answers[0] if answers else None
    if not isinstance(answer, Provider):
        raise PluginError(
            f"{who}: polyfn_provider() returned {_kind(answer)}; expected a Provider",
            hint=see("polyfn_provider"),
        )
    _speaks(answer, plugin)
    if answer.name != plugin.name:
        raise PluginError(
            f"{who} calls its provider {answer.name!r}; expected the entry point's name {plugin.name!r}",
            hint="the name of the entry point, Provider.name and --target are one and the same word",
        )
    return answer


def _speaks(provider: Provider, plugin: Installed) -> None:
    from polyfn.toolchain.provider import API_LEVEL

    oldest = max(1, API_LEVEL - 1)
    if type(provider.api) is not int:
        raise PluginError(
            f"plugin {plugin.name!r} of {plugin.origin}: Provider.api is {provider.api!r}; expected a level",
            hint=f"write the level of the seam that it was written for: api={API_LEVEL}",
        )
    if oldest <= provider.api <= API_LEVEL:
        return
    newer = provider.api > API_LEVEL
    spoken = str(API_LEVEL) if oldest == API_LEVEL else f"{oldest} and {API_LEVEL}"
    raise ApiLevelError(
        f"target {plugin.name!r} of {plugin.origin} was written for level {provider.api} of the provider "
        f"seam; this polyfn speaks {spoken}",
        hint="upgrade polyfn: pip install --upgrade polyfn"
        if newer
        else f"upgrade the plugin: pip install --upgrade {plugin.distribution}",
    )


def _missing(module: Any) -> str:
    if callable(getattr(module, "polyfn_provider", None)):
        return "its polyfn_provider is not marked with @polyfn.toolchain.hooks.hookimpl"
    return "it does not implement polyfn_provider"


def _kind(answer: object) -> str:
    return "None" if answer is None else f"an object of type {type(answer).__qualname__}"
