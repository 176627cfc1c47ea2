"""An artifact laid out on disk, so that its command can be started."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polyfn.toolchain.artifacts.zip import unpack
from polyfn.toolchain.errors import EmulationError


@contextmanager
def unpacked(artifact: Path) -> Iterator[Path]:
    """Give the directory of an artifact: itself, or a zip's content in a place that is removed afterwards.

    Raises EmulationError if there is nothing, ArtifactError for what is no zip or no safe one.
    """
    if artifact.is_dir():
        yield artifact.resolve()
        return
    if not artifact.is_file():
        raise EmulationError(f"{artifact} does not exist", hint="give the path that `polyfn package` printed")
    place = Path(tempfile.mkdtemp(prefix="polyfn-artifact-"))
    try:
        unpack(artifact, place)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
