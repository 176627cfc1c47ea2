"""Running uv, which resolves, builds and installs whatever polyfn packages.

uv reads its settings from the user's own environment and files: indexes, certificates and caches
are the user's business and are never overridden here.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from polyfn.toolchain.errors import DependencyError

#: How uv begins what it has to say: newer versions, and older ones with a multiplication sign.
_ERRORS = ("error:", "  \u00d7 ")


def binary() -> str:
    """Return the path of the uv that polyfn depends on. Raises DependencyError if it is not there."""
    import uv

    try:
        return os.fspath(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise DependencyError(
            f"uv is not installed as it should be: {error}", hint="pip install uv"
        ) from None


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run uv and return its finished process; the caller judges the exit status."""
    return subprocess.run(
        [binary(), *(os.fspath(argument) for argument in arguments)],
        cwd=cwd,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def said(finished: subprocess.CompletedProcess[str], lines: int = 12) -> str:
    """Return uv's own words about a failure: the error and its hints, without progress and warnings."""
    text = [line.rstrip() for line in finished.stderr.splitlines() if line.strip()]
    start = next((number for number, line in enumerate(text) if line.startswith(_ERRORS)), 0)
    text = text[start:]
    if len(text) > 2 * lines:
        text = [*text[:lines], "...", *text[-lines:]]
    return "\n".join(text)


def _environment() -> dict[str, str]:
    # An activated environment is not what a bundle is made for.
    dropped: Sequence[str] = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    # An editable installation points back to this machine; UV_NO_EDITABLE makes a copy of it.
    ours = {"UV_NO_EDITABLE": "1"}
    return {**kept, **ours, "UV_NO_PROGRESS": "1", "UV_NO_WRAP": "1", "NO_COLOR": "1"}
