"""Which plugins are installed, from their metadata alone: nothing here imports a plugin."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

#: Entry points here are providers; the name of each is its `--target`.
PROVIDERS = "polyfn.providers"
#: Entry points here add to polyfn whatever the target.
PLUGINS = "polyfn.plugins"
#: Environment variable: comma-separated names of the only entry points that exist for polyfn.
ALLOW = "POLYFN_PLUGINS"


@dataclass(frozen=True)
class Installed:
    """One entry point of an installed distribution."""

    name: str
    distribution: str
    version: str
    entry: EntryPoint

    @property
    def origin(self) -> str:
        """The distribution with its version, for messages."""
        return f"{self.distribution} {self.version}"


def allowed() -> frozenset[str] | None:
    """Return the names that POLYFN_PLUGINS allows, or None if it is not set. Empty allows none."""
    value = os.environ.get(ALLOW)
    if value is None:
        return None
    return frozenset(name.strip() for name in value.split(",") if name.strip())


def installed(group: str, *, name: str | None = None, everything: bool = False) -> list[Installed]:
    """Return the entry points of a group by name, all or those of one `name`.

    What POLYFN_PLUGINS does not allow is left out unless `everything`.
    """
    found = entry_points(group=group) if name is None else entry_points(group=group, name=name)
    allow = None if everything else allowed()
    listed = [_described(entry) for entry in found if allow is None or entry.name in allow]
    return sorted(listed, key=lambda plugin: (plugin.name, plugin.distribution))


def _described(entry: EntryPoint) -> Installed:
    distribution = entry.dist
    if distribution is None:
        return Installed(entry.name, "unknown", "?", entry)
    return Installed(entry.name, distribution.name or "unknown", distribution.version or "?", entry)
