"""Loading plugins: one target's provider, and the cross-cutting ones.

A broken plugin that nobody selected costs one line of warning; a broken plugin that was selected is
a PluginError with its cause. Pluggy alone would let one broken plugin end the command, and would
register a misspelled hook in silence.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from polyfn.toolchain.errors import ToolchainError
from polyfn.toolchain.installed import PLUGINS, PROVIDERS, Installed, installed
from polyfn.toolchain.plugin_faults import clash, unknown
from polyfn.toolchain.plugin_load import load, manager, provider_of

if TYPE_CHECKING:
    from polyfn.toolchain.provider import Provider

#: Environment variable: with it, a broken plugin that nobody selected is an error as well.
STRICT = "POLYFN_STRICT_PLUGINS"


class Plugins:
    """The plugins that one command uses.

    `provider()` and `providers()` load targets; `hook` is pluggy's relay over every provider loaded
    so far and all cross-cutting plugins. `warn` is given one line per broken plugin that is skipped.
    """

    def __init__(self, *, warn: Callable[[str], None] | None = None) -> None:
        self._warn = warn or (lambda _: None)
        self._manager = manager()
        self._loaded: dict[str, Provider] = {}
        self._crosscutting = False

    @property
    def hook(self) -> Any:
        """Pluggy's relay: `plugins.hook.polyfn_checks(manifest=..., provider=...)`."""
        if not self._crosscutting:
            self._crosscutting = True
            for plugin in installed(PLUGINS):
                self._admit(plugin)
        return self._manager.hook

    def provider(self, target: str) -> Provider:
        """Load one target's provider, and no other plugin.

        Raises UnknownTargetError, PluginClashError, PluginError or ApiLevelError.
        """
        if target not in self._loaded:
            plugin = self._only(target)
            module = load(plugin)
            self._loaded[target] = provider_of(module, plugin)
            if not self._manager.is_registered(module):
                self._manager.register(module, name=f"{PROVIDERS}:{target}")
        return self._loaded[target]

    def providers(self) -> list[Provider]:
        """Load the provider of every installed target; what cannot be loaded is skipped with a warning."""
        targets = dict.fromkeys(plugin.name for plugin in installed(PROVIDERS))
        return [provider for target in targets if (provider := self._if_whole(target)) is not None]

    def _if_whole(self, target: str) -> Provider | None:
        try:
            return self.provider(target)
        except ToolchainError as error:
            self._skip(f"target {target!r}", error)
            return None

    def _admit(self, plugin: Installed) -> None:
        try:
            module = load(plugin)
        except ToolchainError as error:
            self._skip(f"plugin {plugin.name!r}", error)
            return
        if not self._manager.is_registered(module):
            self._manager.register(module, name=f"{PLUGINS}:{plugin.distribution}:{plugin.name}")

    def _skip(self, what: str, error: ToolchainError) -> None:
        if os.environ.get(STRICT, "") not in ("", "0"):
            raise error
        self._warn(f"{what} is skipped: {error} (see: polyfn providers --check)")

    def _only(self, target: str) -> Installed:
        found = installed(PROVIDERS, name=target)
        if not found:
            raise unknown(target)
        if len(found) > 1:
            raise clash(found)
        return found[0]
