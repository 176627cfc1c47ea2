"""Judges the names in an archive before anything of it is written.

The judgement is by text alone, so it holds for zip and tar files alike, whatever is on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath


def unsafe(names: Iterable[str], links: Mapping[str, str]) -> str | None:
    """Return the first name of an archive that must not be written, None if all are safe.

    `names` are all files and links, `links` the targets of the symbolic links by name. Names and
    links stay inside, no name comes twice, and none goes through a link.
    """
    places = {PurePosixPath(link) for link in links}
    seen: set[PurePosixPath] = set()
    for name in names:
        path = PurePosixPath(name)
        leaves = name in links and not inside(name, links[name])
        if not _plain(name) or leaves or path in seen or not places.isdisjoint(path.parents):
            return name
        seen.add(path)
    return None


def inside(name: str, target: str) -> bool:
    """Whether a symbolic link at `name` to `target` stays in the tree.

    `..` may only come first: after the name of another link it would mean something else.
    """
    parts = PurePosixPath(target).parts
    up = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    if not parts or parts[0] == "/" or "\\" in target or ".." in parts[up:]:
        return False
    return up < len(PurePosixPath(name).parts)


def _plain(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
