"""The finish of the standard library in a bundle: bytecode alone, where that can be had.

A source is for reading, and nobody reads the standard library inside an artifact: it is half of its
size. A traceback still names the file, the line and the function. The user's sources and those of
the dependencies stay.
"""

from __future__ import annotations

from pathlib import Path


def drop_sources(prefix: Path) -> None:
    """Put the bytecode of an interpreter's compiled library in the place of its sources.

    Python imports `x.pyc` beside where `x.py` would be (PEP 3147, "Case 4: legacy pyc files"). A
    source that has no bytecode stays.
    """
    for source in sorted(prefix.glob("lib/python3*/**/*.py")):
        compiled = sorted((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc"))
        if len(compiled) == 1:
            compiled[0].replace(source.with_suffix(".pyc"))
            source.unlink()
    for folder in sorted(prefix.glob("lib/python3*/**/__pycache__")):
        if not any(folder.iterdir()):
            folder.rmdir()
