"""Where polyfn keeps what it need not fetch or make twice."""

from __future__ import annotations

import os
from pathlib import Path

from polyfn.toolchain.errors import UsageError

#: https://bford.info/cachedir/: backups leave a directory out that has this file in it.
_TAG = """\
Signature: 8a477f597d28d172789f06886806bc55
# A cache of polyfn. All of it can be made anew: polyfn cache clean
"""


def room(folder: Path) -> Path:
    """Return a directory of the cache, made if it is not there. Raises UsageError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the cache {folder} cannot be made: {error.strerror}",
            hint="POLYFN_CACHE names another directory for it",
        ) from None
    return folder


def cache_folder() -> Path:
    """Return the directory: `POLYFN_CACHE`, else `polyfn` in the user's cache directory."""
    chosen = os.environ.get("POLYFN_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "polyfn"


def mark(folder: Path) -> None:
    """Make the directory, and say in it that it is a cache."""
    folder.mkdir(parents=True, exist_ok=True)
    tag = folder / "CACHEDIR.TAG"
    if not tag.exists():
        tag.write_text(_TAG, encoding="utf-8")
