"""From a finished artifact to its report."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from polyfn.toolchain import progress
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.manifest import ArtifactManifest
from polyfn.toolchain.report import imports as measuring
from polyfn.toolchain.report.contents import Contents, contents
from polyfn.toolchain.report.distributions import Distribution, distributions
from polyfn.toolchain.report.model import Imports, Report
from polyfn.toolchain.report.sizes import sizes

MANIFEST = "polyfn.json"


def examine(path: Path, *, imports: bool = False) -> Report:
    """Return the report of an artifact: a zip, a tar or a directory, also one that polyfn did not make.

    `imports` measures what its modules cost to import, which runs them. Raises ArtifactError.
    """
    with contents(path) as opened:
        manifest = manifest_of(opened, path.name)
        found = distributions(opened)
        project = manifest.project if manifest is not None else path.stem
        parts = sizes(opened, found, manifest, project)
        files, unpacked = len(opened.entries), sum(entry.size for entry in opened.entries)
    measured: tuple[Imports, ...] = ()
    reason: str | None = "it was not asked for"
    if imports:
        measured, reason = _measured(path, manifest, found)
    return Report(
        artifact=path.name,
        project=project,
        target=manifest.target if manifest is not None else None,
        arch=manifest.arch if manifest is not None else None,
        python=manifest.interpreter.version if manifest is not None else None,
        sha256=_sha256(path),
        size=None if path.is_dir() else path.stat().st_size,
        unpacked=unpacked,
        files=files,
        parts=parts,
        imports=measured,
        not_measured=reason,
    )


def manifest_of(opened: Contents, name: str) -> ArtifactManifest | None:
    """Return the manifest inside an artifact, None if it has none. Raises ArtifactError for a wrong one."""
    if MANIFEST not in opened.names:
        return None
    try:
        return ArtifactManifest.model_validate_json(opened.read(MANIFEST))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ArtifactError(
            f"{name}: its {MANIFEST} cannot be read: {place}: {fault['msg']}",
            hint="package the source again with this polyfn",
        ) from None


def _measured(
    path: Path, manifest: ArtifactManifest | None, found: tuple[Distribution, ...]
) -> tuple[tuple[Imports, ...], str | None]:
    if manifest is None:
        return (), f"it has no {MANIFEST}, which names the modules of its functions"
    try:
        with progress.step("measuring imports", manifest.arch):
            return measuring.measure(path, manifest, found), None
    except measuring.CannotMeasureError as reason:
        return (), str(reason)


def _sha256(path: Path) -> str | None:
    if path.is_dir():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
