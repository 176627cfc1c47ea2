"""Where an image has its parts, and what tells it from other files."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Callable, Container
from pathlib import Path

LAYOUT, INDEX, DOCKER = "oci-layout", "index.json", "manifest.json"


def is_image(path: Path) -> bool:
    """Whether a file or directory has images in it."""
    if path.is_dir():
        return is_layout(path)
    try:
        with tarfile.open(path) as tar:
            found = {member.name.removeprefix("./"): member for member in tar if member.isreg()}

            def read(name: str) -> bytes:
                opened = tar.extractfile(found[name])
                return opened.read(1 << 20) if opened is not None else b""

            return is_archive(found, read)
    except (tarfile.TarError, OSError, EOFError, zlib.error):
        return False


def is_layout(path: Path) -> bool:
    """Whether a directory is a layout of images."""
    return (path / LAYOUT).is_file() and (path / INDEX).is_file()


def is_archive(names: Container[str], read: Callable[[str], bytes]) -> bool:
    """Whether a tar file with entries of these names has images in it; `read` returns one's content."""
    if LAYOUT in names and INDEX in names:
        return True
    if DOCKER not in names:
        return False
    try:
        told = json.loads(read(DOCKER))
    except (ValueError, RecursionError):
        return False  # many things have a file of this name
    return isinstance(told, list) and all(isinstance(one, dict) and "Layers" in one for one in told)


def of_blob(digest: str) -> str:
    """Return where a layout has a blob."""
    return "blobs/" + digest.replace(":", "/", 1)
