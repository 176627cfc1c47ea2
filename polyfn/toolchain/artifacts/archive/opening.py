"""Opens an artifact, whatever form it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from polyfn.toolchain.artifacts.archive.entry import Archive
from polyfn.toolchain.artifacts.archive.folder import Folder
from polyfn.toolchain.artifacts.archive.tarred import Tar
from polyfn.toolchain.artifacts.archive.zipped import Zip
from polyfn.toolchain.artifacts.oci.names import is_layout
from polyfn.toolchain.errors import ArtifactError


@contextmanager
def opened(path: Path, *, arch: str | None = None) -> Iterator[Archive]:
    """Open a zip file, a tar file, a directory or an image. Raises ArtifactError for anything else.

    `arch` chooses among the images of several architectures: the first one, if it is None.
    """
    if not path.exists():
        raise ArtifactError(
            f"{path} does not exist",
            hint="give the path that polyfn package printed, or any zip, tar or directory",
        )
    archive = _open(path, arch)
    try:
        yield archive
    finally:
        archive.close()


def _open(path: Path, arch: str | None) -> Archive:
    if path.is_dir():
        return _image(path, arch) if is_layout(path) else Folder(path)
    with path.open("rb") as file:
        magic = file.read(4)
    kinds: tuple[Callable[[Path], Archive], ...] = (Zip, Tar) if magic[:2] == b"PK" else (Tar, Zip)
    faults = []
    for kind in kinds:
        try:
            archive = kind(path)
        except Exception as error:  # noqa: BLE001  what the readers of archives raise for damage is any error
            faults.append(error)
            continue
        if isinstance(archive, Tar) and archive.is_image():
            archive.close()
            return _image(path, arch)
        return archive
    raise ArtifactError(
        f"{path.name} is no archive that can be read: {faults[0]}",
        hint="give a zip file, a tar file or a directory; if it is one, it was damaged: make it again",
    ) from faults[0]


def _image(path: Path, arch: str | None) -> Archive:
    # Imported where there is one: nothing else need wait for it.
    from polyfn.toolchain.artifacts.archive.imaged import Image

    return Image(path, arch)
