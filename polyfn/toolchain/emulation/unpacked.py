"""An artifact laid out on disk, so that its command can be started."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polyfn.toolchain.artifacts.oci import names, reading
from polyfn.toolchain.artifacts.zip import unpack
from polyfn.toolchain.bundle.find import host_arch
from polyfn.toolchain.errors import EmulationError


@contextmanager
def unpacked(artifact: Path) -> Iterator[Path]:
    """Give the directory of an artifact: itself, or its content in a place that is removed afterwards.

    Of a zip that is what is in it, of an image its whole root; `reading.config` tells how that is run.
    Raises EmulationError if there is nothing, ArtifactError for what is neither, or not safe.
    """
    image = names.is_image(artifact)
    if artifact.is_dir() and not image:
        yield artifact.resolve()
        return
    if not artifact.exists():
        raise EmulationError(f"{artifact} does not exist", hint="give the path that `polyfn package` printed")
    place = Path(tempfile.mkdtemp(prefix="polyfn-artifact-"))
    try:
        if image:
            reading.unpack(artifact, place, arch=arch_of(artifact))
        else:
            unpack(artifact, place)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def arch_of(artifact: Path) -> str | None:
    """Return this machine's architecture if the artifact has an image for it; else None, for its first."""
    here = host_arch()
    return here if here in reading.archs(artifact) else None
