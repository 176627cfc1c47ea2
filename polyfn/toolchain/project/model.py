"""`Project`: everything that packaging needs to know of the user's source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyfn.toolchain.project.settings import Settings


@dataclass(frozen=True)
class Project:
    """One project or script.

    `root` is its directory. `base` is where the dotted names of `modules` start: `root`, or its
    `src`. `file` is the one file of a script, None for a project. `dependencies` are the declared
    requirements, as written. `declared_in` is the file that declares them and the settings.
    """

    name: str
    root: Path
    base: Path
    modules: tuple[str, ...]
    settings: Settings
    declared_in: Path
    file: Path | None = None
    dependencies: tuple[str, ...] = ()
    requires_python: str | None = None
    has_sources: bool = False

    @property
    def providers(self) -> Mapping[str, Mapping[str, Any]]:
        """The raw tables `[tool.polyfn.<target>]`, by target."""
        return self.settings.providers
