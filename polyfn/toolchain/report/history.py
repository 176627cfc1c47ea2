"""The reports of earlier builds, kept in the cache: what a build is compared with."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.report.model import Report

#: The last build and the one before: a build that is repeated compares with what it was built after.
_KEPT = 2
_REPORTS = TypeAdapter(tuple[Report, ...])


def previous(report: Report, folder: Path | None = None) -> Report | None:
    """Return the report of the last other build of the same project for the same target and architecture.

    A build with the same bytes is no other build. None if there is none, or none that can be read.
    """
    return next((one for one in _read(_place(report, folder)) if not _same(one, report)), None)


def remember(report: Report, folder: Path | None = None) -> None:
    """Keep a report as that of the last build. A cache that cannot be written is no reason to fail."""
    place = _place(report, folder)
    others = [one for one in _read(place) if not _same(one, report)]
    # Imports are not measured every time: what is known of the same bytes stays known.
    known = [one for one in _read(place) if _same(one, report) and one.imports]
    newest = report if report.imports or not known else known[0]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=place.name, delete=False) as file:
            file.write(_REPORTS.dump_json((newest, *others)[:_KEPT], by_alias=True))
        os.replace(file.name, place)  # of two builds at once the last one wins, whole
    except OSError:
        return


def _place(report: Report, folder: Path | None) -> Path:
    name = "-".join((report.project, report.target or "none", report.arch or "none"))
    return (folder or cache_folder() / "reports") / (re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".json")


def _same(one: Report, other: Report) -> bool:
    if one.sha256 is not None or other.sha256 is not None:
        return one.sha256 == other.sha256
    return (one.unpacked, one.files, one.parts) == (other.unpacked, other.files, other.parts)


def _read(place: Path) -> tuple[Report, ...]:
    try:
        return _REPORTS.validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return ()
