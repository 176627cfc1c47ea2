"""What an artifact says of itself: its polyfn.json, read from whatever form it has."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from pathlib import Path

from pydantic import ValidationError

from polyfn.toolchain.artifacts.archive import DamagedError, opened
from polyfn.toolchain.artifacts.oci.names import is_layout
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.manifest import SCHEMA, ArtifactManifest

NAME = "polyfn.json"
#: No manifest has more bytes.
_LIMIT = 16 << 20


def artifact_manifest(path: Path) -> ArtifactManifest | None:
    """Return the manifest of an artifact, or None if `path` is a source.

    Raises ArtifactError for an archive without a manifest, and for one of another polyfn.
    """
    text = _read(path)
    if text is None:
        return None
    try:
        return ArtifactManifest.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ArtifactError(
            f"{path}: its {NAME} is not one of schema {SCHEMA}: {place}: {fault['msg']}",
            hint="package the source again with this polyfn",
        ) from None


def _read(path: Path) -> bytes | None:
    if path.is_dir() and not is_layout(path):
        inside = path / NAME
        return inside.read_bytes() if inside.is_file() else None
    if path.suffix == ".py":
        return None
    try:
        text = _zipped(path) if zipfile.is_zipfile(path) else _opened(path)
    except KeyError:
        text = None
    except (zipfile.BadZipFile, DamagedError, zlib.error, EOFError, NotImplementedError) as error:
        raise ArtifactError(
            f"{path} cannot be read: {error}", hint="it was damaged: package the source again"
        ) from None
    if text is None:
        raise ArtifactError(
            f"{path} is not an artifact of polyfn: it holds no {NAME}",
            hint="give the path that polyfn package printed, or a source",
        )
    return text


def _zipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(NAME)


def _opened(path: Path) -> bytes | None:
    """Read it from a tar, an image, or a layout of one."""
    if path.is_file() and not tarfile.is_tarfile(path):
        return None
    with opened(path) as archive:
        found = next(
            (entry for entry in archive.entries if entry.name == NAME and entry.kind == "file"), None
        )
        return archive.read(found, _LIMIT) if found is not None else None
