"""What each part of an artifact takes: every file belongs to exactly one part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from polyfn.toolchain.artifacts.archive import Entry
from polyfn.toolchain.bundle.pack import PACK, START
from polyfn.toolchain.manifest import ArtifactManifest
from polyfn.toolchain.report.contents import Contents
from polyfn.toolchain.report.distributions import Distribution
from polyfn.toolchain.report.model import Kind, Part
from polyfn.toolchain.report.ownership import Owners

#: The directories of a bundle (provider.Bundle), in the words of the report.
_FOLDERS: dict[str, Kind] = {"python": "interpreter", "runtime": "runtime", "app": "app"}

#: Bytecode of the runtime, beside the start script.
_BYTECODE = (PACK, START)

_Key = tuple[Kind, str, str | None]


def sizes(
    contents: Contents,
    distributions: Iterable[Distribution],
    manifest: ArtifactManifest | None,
    project: str,
) -> tuple[Part, ...]:
    """Return the parts, the largest first. Without a manifest, what no distribution owns is the app's."""
    distributions = tuple(distributions)
    owners = Owners(distributions)
    named = dict(_keys(distributions))
    whole = _whole(manifest, project)
    unpacked: Counter[_Key] = Counter()
    packed: Counter[_Key] = Counter()
    files: Counter[_Key] = Counter()
    for entry in contents.entries:
        owner = owners.owner(entry.name)
        key = named[owner] if owner is not None else whole[_kind(entry, manifest)]
        unpacked[key] += entry.size
        packed[key] += entry.packed or 0
        files[key] += 1
    archived = any(entry.packed is not None for entry in contents.entries)
    wheels = {named[one]: one.tags for one in distributions}
    parts = [
        Part(
            kind=key[0], name=key[1], version=key[2], unpacked=unpacked[key],
            packed=packed[key] if archived else None, files=files[key], wheel=wheels.get(key, ()),
        )
        for key in files
    ]  # fmt: skip
    return tuple(sorted(parts, key=lambda part: (-(part.packed or 0), -part.unpacked, part.name)))


def _keys(distributions: Iterable[Distribution]) -> Iterable[tuple[Distribution, _Key]]:
    taken: set[str] = set()
    for one in distributions:
        # A second one of the same name is carried inside of another.
        name = one.name if one.key not in taken else f"{one.name} in {one.base.rstrip('/')}"
        taken.add(one.key)
        yield one, ("distribution", name, one.version)


def _whole(manifest: ArtifactManifest | None, project: str) -> dict[Kind, _Key]:
    version = manifest.interpreter.version if manifest is not None else None
    polyfn = manifest.polyfn if manifest is not None else None
    return {
        "interpreter": ("interpreter", "python", version),
        "runtime": ("runtime", "polyfn", polyfn),
        "app": ("app", project, None),
        "start": ("start", "start and manifest", None),
        "other": ("other", "other files", None),
    }


def _kind(entry: Entry, manifest: ArtifactManifest | None) -> Kind:
    if manifest is None:
        return "app"
    folder, slash, _ = entry.name.partition("/")
    if entry.name in _BYTECODE:
        return "runtime"
    return _FOLDERS.get(folder, "other") if slash else "start"
