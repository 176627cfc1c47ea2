"""The distributions in an artifact, from the notes that installers leave: `*.dist-info`.

Facts of the format: the specifications "Core metadata", "Recording installed projects" and "Binary
distribution format" of packaging.python.org.
"""

from __future__ import annotations

import csv
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.metadata import RawMetadata, parse_email
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from polyfn.toolchain.report.contents import Contents

_NOTES = re.compile(r"^(?P<base>.*?)(?P<name>[^/]+)-(?P<version>[^/-]+)\.dist-info/METADATA$")
_CLASSIFIER = "License :: "


@dataclass(frozen=True)
class Distribution:
    """What one distribution says of itself.

    | attribute | content |
    |---|---|
    | `base` | the directory that it is installed in, with a slash at its end: `site/` |
    | `notes` | its dist-info directory, without one |
    | `tags` | of the wheel that was chosen: `cp313-cp313-manylinux_2_17_x86_64`, ... |
    | `requires` | Requires-Dist, as written |
    | `license_expression`, `license`, `license_classifiers` | what it says of its licence, if it does |
    | `files` | the files it was installed with, as names in the artifact |
    """

    name: str
    version: str
    base: str
    notes: str
    tags: tuple[str, ...] = ()
    summary: str | None = None
    homepage: str | None = None
    requires: tuple[str, ...] = ()
    license_expression: str | None = None
    license: str | None = None
    license_classifiers: tuple[str, ...] = ()
    files: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The name in its canonical spelling."""
        return canonicalize_name(self.name)


def distributions(contents: Contents) -> tuple[Distribution, ...]:
    """Return every distribution in an artifact, sorted by name."""
    names = contents.names
    found = (_NOTES.match(name) for name in names)
    read = [_read(contents, match, names) for match in found if match is not None]
    return tuple(sorted(read, key=lambda one: (one.key, one.base)))


def _read(contents: Contents, match: re.Match[str], names: frozenset[str]) -> Distribution:
    raw, _ = parse_email(contents.read(match[0]))
    notes, base = posixpath.dirname(match[0]), match["base"]
    name = raw.get("name") or match["name"]
    return Distribution(
        name=name,
        version=raw.get("version") or match["version"],
        base=base,
        notes=notes,
        tags=_tags(contents, f"{notes}/WHEEL", names),
        summary=raw.get("summary"),
        homepage=_homepage(raw),
        requires=tuple(raw.get("requires_dist", ())),
        license_expression=raw.get("license_expression"),
        license=raw.get("license"),
        license_classifiers=tuple(
            text.rpartition(" :: ")[2] for text in raw.get("classifiers", ()) if text.startswith(_CLASSIFIER)
        ),
        files=_files(contents, base, notes, name, names),
    )


def _tags(contents: Contents, name: str, names: frozenset[str]) -> tuple[str, ...]:
    lines = contents.text(name).splitlines() if name in names else []
    return tuple(line.partition(":")[2].strip() for line in lines if line.startswith("Tag:"))


def _homepage(raw: RawMetadata) -> str | None:
    urls = {key.lower().replace(" ", ""): url for key, url in raw.get("project_urls", {}).items()}
    return raw.get("home_page") or urls.get("homepage") or urls.get("home") or urls.get("repository")


def _files(contents: Contents, base: str, notes: str, name: str, names: frozenset[str]) -> frozenset[str]:
    """The files of RECORD that are there; where there is no RECORD, what bears the distribution's name."""
    record = f"{notes}/RECORD"
    if record in names:
        rows = csv.reader(contents.text(record).splitlines())
        listed = {posixpath.normpath(base + row[0]) for row in rows if row}
        return frozenset(listed & names)
    module = base + canonicalize_name(name).replace("-", "_")
    places = (f"{module}/", f"{notes}/")
    return frozenset(one for one in names if one.startswith(places) or one == f"{module}.py")
