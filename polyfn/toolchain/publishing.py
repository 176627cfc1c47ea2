"""Nothing half-done in `--out`: artifacts are made in a directory inside it, and appear there together."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from polyfn.toolchain.errors import UsageError
from polyfn.toolchain.project import Project
from polyfn.toolchain.project.layout import locate
from polyfn.toolchain.provider import Artifact

#: Where in the staging directory artifacts are made, one directory per architecture, until all are there.
MADE = ".made"


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Give a directory to make artifacts in; at the end all that is in it takes its place in `out`.

    If the block raises, `out` is as it was before. Raises UsageError where `out` cannot be written.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Inside `out`, so that the last step is a renaming; with a dot, so that no project carries it.
        place = Path(tempfile.mkdtemp(dir=out, prefix=".polyfn-"))
    except OSError as error:
        raise UsageError(
            f"artifacts cannot be written to {out}: {error.strerror}",
            hint="choose another --out, or make room or permission there",
        ) from None
    try:
        yield place
        for path in sorted(place.iterdir()):
            _move(path, out / path.name, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        for folder in made:
            with suppress(OSError):  # it is not empty: there are artifacts in it
                folder.rmdir()


def gather(artifacts: Sequence[Artifact], staged: Path, out: Path) -> list[Artifact]:
    """Move all that was made to where `staging` publishes it from; return the artifacts as they will lie.

    What a plugin's hook wrote beside an artifact comes along.
    """
    for folder in sorted((staged / MADE).iterdir()):
        for path in sorted(folder.iterdir()):
            path.replace(staged / path.name)
    shutil.rmtree(staged / MADE)
    return [replace(artifact, path=out / artifact.path.name) for artifact in artifacts]


def refuse_among_code(out: Path, project: Project) -> None:
    """Raise UsageError if artifacts in `out` would hide the project's code, or be carried as code."""
    place, base = out.resolve(), project.base.resolve()
    if project.file is not None or not place.is_relative_to(base):
        return
    files = [locate(base, module) for module in project.modules]
    if place == base or any(file is not None and file.is_relative_to(place) for file in files):
        raise UsageError(
            f"--out {out} is the directory of the project's code: the next artifact would carry this one",
            hint="give a directory of its own, such as --out dist",
        )


def _move(path: Path, target: Path, place: Path) -> None:
    directories = path.is_dir() or (target.is_dir() and not target.is_symlink())
    if directories and (target.exists() or target.is_symlink()):
        # A file replaces a file; of everything else the old one has to make way first.
        target.rename(place / f".{target.name}.old")
    path.replace(target)
