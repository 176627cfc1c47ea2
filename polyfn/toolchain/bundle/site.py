"""The finish of `root/site`: what an installer leaves behind that no function reads."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import shutil
from pathlib import Path

#: Scripts name an interpreter of the machine they were installed on.
_FOLDERS = ("bin", "Scripts", "include", "share/man")
#: The installer's own notes: who installed, from where, and when.
_NOTES = {"INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}


def finish(site: Path) -> None:
    """Leave only what is the same on every machine; `RECORD` lists what is there afterwards."""
    for folder in _FOLDERS:
        shutil.rmtree(site / folder, ignore_errors=True)
    (site / ".lock").unlink(missing_ok=True)
    for folder_ in site.rglob("__pycache__"):
        shutil.rmtree(folder_)
    for path in site.glob("*.dist-info/*"):
        if path.name in _NOTES:
            path.unlink()
    for record in site.glob("*.dist-info/RECORD"):
        _rewrite(record, site)


def distributions(site: Path) -> dict[str, str]:
    """Return name and version of every distribution in `site`, sorted."""
    if not site.is_dir():
        return {}
    found = importlib.metadata.distributions(path=[str(site)])
    return dict(sorted((distribution.name, distribution.version) for distribution in found))


def _rewrite(record: Path, site: Path) -> None:
    rows = list(csv.reader(record.read_text(encoding="utf-8").splitlines()))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(sorted(row for row in rows if (site / row[0]).is_file()))
    record.write_text(out.getvalue(), encoding="utf-8")
