"""Writes the published JSON Schemas: `python -m polyfn.toolchain.schemas docs/schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from polyfn.toolchain import manifest
from polyfn.toolchain.project import settings
from polyfn.toolchain.report import model

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return every published schema by the name of its file."""
    return {
        "manifest.json": manifest.schema(),
        "settings.json": settings.schema(),
        "report.json": model.schema(),
    }


def texts() -> dict[str, str]:
    """Return the content of every file by its name."""
    return {
        name: json.dumps({"$schema": _DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas().items()
    }


def write(folder: Path) -> None:
    """Write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
