"""Whose a file is: what the distributions recorded, and what was made of it later."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from polyfn.toolchain.report.distributions import Distribution

_CACHED = re.compile(r"^(?P<folder>.*/|)__pycache__/(?P<module>[^/]+?)\.[^/.]+(\.opt-\d)?\.pyc$")


class Owners:
    """Finds the distribution of a file.

    Bytecode belongs with its source. Any other file that nobody recorded belongs to whom its directory
    does, if that has but one owner; in a directory that several share, it has none.
    """

    def __init__(self, distributions: Iterable[Distribution]) -> None:
        self._files: dict[str, Distribution] = {}
        self._folders: dict[str, Distribution | None] = {}
        # One that is carried inside of another is recorded by both: its files are its own.
        for one in sorted(distributions, key=lambda found: (len(found.base), found.key)):
            for name in one.files:
                self._files[name] = one
        for name, owner in self._files.items():
            self._claim(name, owner)

    def owner(self, name: str) -> Distribution | None:
        """Return the distribution that the file belongs to, or None."""
        return self._files.get(name) or self._files.get(source_of(name)) or self._of_folder(name)

    def _claim(self, name: str, owner: Distribution) -> None:
        folder = posixpath.dirname(name)
        while folder and len(folder) >= len(owner.base):
            if self._folders.setdefault(folder, owner) is not owner:
                self._folders[folder] = None
            folder = posixpath.dirname(folder)

    def _of_folder(self, name: str) -> Distribution | None:
        folder = posixpath.dirname(name)
        while folder and folder not in self._folders:
            folder = posixpath.dirname(folder)
        return self._folders.get(folder)


def source_of(name: str) -> str:
    """Return the name of the source that bytecode was compiled from; any other name as it is."""
    match = _CACHED.match(name)
    if match is not None:
        return f"{match['folder']}{match['module']}.py"
    return name.removesuffix("c") if name.endswith(".pyc") else name
