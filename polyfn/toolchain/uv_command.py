"""Running uv, which resolves, builds and installs whatever polyfn packages.

uv reads its settings from the user's own environment and files: indexes, certificates and caches
are the user's business and are never overridden here.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path

from polyfn.toolchain.errors import DependencyError
from polyfn.toolchain.interrupts import tracked

#: Bytes of one file that uv may write; the largest of known wheels are below two gigabytes.
FILE_LIMIT = 4 * 1024**3
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
    command = [binary(), *(os.fspath(argument) for argument in arguments)]
    with (
        subprocess.Popen(
            command,
            cwd=cwd,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process,
        tracked(process),
    ):
        _limit(process.pid)
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _limit(pid: int) -> None:
    """Let uv write no file above the limit: a small archive may unpack to more than the disk holds."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))


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
