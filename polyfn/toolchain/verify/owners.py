"""Which distribution a file belongs to, as the RECORD files of the artifact say."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

_NOTES = re.compile(r"^(?P<base>.*?)(?P<name>[^/]+?)-(?P<version>[^/-]+)\.dist-info/(?P<file>RECORD|WHEEL)$")


@dataclass(frozen=True)
class Distribution:
    """An installed distribution. `base` is the folder it is in, with a slash at the end, or empty."""

    name: str
    version: str
    base: str
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return what a message calls it."""
        return f"{self.name} {self.version}"


class Owners:
    """Finds the owner of a path. Nothing is read before it is asked for."""

    def __init__(self, names: Iterable[str], read: Callable[[str], bytes | None]) -> None:
        self._notes = [match for name in names if (match := _NOTES.match(name))]
        self._read = read

    @cached_property
    def distributions(self) -> tuple[Distribution, ...]:
        """Every distribution with a RECORD."""
        return tuple(dict.fromkeys(self._files.values()))

    def of(self, path: str) -> Distribution | None:
        """Return the distribution that lists the path, or whose package it lies in."""
        if (listed := self._files.get(path)) is not None:
            return listed
        return next((self._tops[top] for top in _tops(path) if top in self._tops), None)

    @cached_property
    def _files(self) -> dict[str, Distribution]:
        found = {}
        for match in self._notes:
            if match["file"] == "RECORD":
                owner = Distribution(match["name"], match["version"], match["base"], self._tags(match))
                text = (self._read(match[0]) or b"").decode("utf-8", "replace")
                try:
                    rows = [row[0] for row in csv.reader(text.splitlines()) if row]
                except csv.Error:
                    rows = []
                for row in [*rows, match[0].removeprefix(match["base"])]:
                    found[match["base"] + row] = owner
        return found

    @cached_property
    def _tops(self) -> dict[str, Distribution]:
        """Folders of one distribution alone: they own what RECORD does not list, such as bytecode."""
        owners: dict[str, set[Distribution]] = {}
        for path, owner in self._files.items():
            inside = path.removeprefix(owner.base)
            if "/" in inside:
                owners.setdefault(owner.base + inside.partition("/")[0], set()).add(owner)
        return {top: next(iter(many)) for top, many in owners.items() if len(many) == 1}

    def _tags(self, record: re.Match[str]) -> tuple[str, ...]:
        text = (self._read(record[0].removesuffix("RECORD") + "WHEEL") or b"").decode("utf-8", "replace")
        return tuple(line[4:].strip() for line in text.splitlines() if line.startswith("Tag:"))


def _tops(path: str) -> Iterable[str]:
    at = path.find("/")
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)


def biggest(sizes: Iterable[tuple[str, int]], owners: Owners, top: int = 5) -> list[tuple[str, int]]:
    """Return the biggest distributions and folders: (name, bytes), the biggest first."""
    totals: Counter[str] = Counter()
    for path, size in sizes:
        owner = owners.of(path)
        parts = path.split("/")
        # A distribution without RECORD is known by its folder in site.
        deep = 2 if parts[0] == "site" else 1
        totals[str(owner) if owner else "/".join(parts[:deep])] += size
    return totals.most_common(top)
