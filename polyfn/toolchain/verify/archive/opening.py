"""Opens an artifact, whatever form it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.verify.archive.entry import Archive
from polyfn.toolchain.verify.archive.folder import Folder
from polyfn.toolchain.verify.archive.tarred import Tar
from polyfn.toolchain.verify.archive.zipped import Zip


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a zip file, a tar file or a directory. Raises ArtifactError for anything else."""
    if not path.exists():
        raise ArtifactError(
            f"{path} does not exist",
            hint="give the path that polyfn package printed, or any zip, tar or directory",
        )
    archive = _open(path)
    try:
        yield archive
    finally:
        archive.close()


def _open(path: Path) -> Archive:
    if path.is_dir():
        return Folder(path)
    with path.open("rb") as file:
        magic = file.read(4)
    kinds: tuple[Callable[[Path], Archive], ...] = (Zip, Tar) if magic[:2] == b"PK" else (Tar, Zip)
    faults = []
    for kind in kinds:
        try:
            return kind(path)
        except Exception as error:  # noqa: BLE001  what the readers of archives raise for damage is any error
            faults.append(error)
    raise ArtifactError(
        f"{path.name} is no archive that can be read: {faults[0]}",
        hint="give a zip file, a tar file or a directory; if it is one, it was damaged: make it again",
    ) from faults[0]
