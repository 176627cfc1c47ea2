"""Where polyfn keeps what it need not fetch twice."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the directory: `POLYFN_CACHE`, else `polyfn` in the user's cache directory."""
    chosen = os.environ.get("POLYFN_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "polyfn"
