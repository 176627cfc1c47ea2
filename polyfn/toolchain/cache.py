"""Where polyfn keeps what it need not fetch twice."""

from __future__ import annotations

import os
from pathlib import Path

from polyfn.toolchain.errors import UsageError


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
