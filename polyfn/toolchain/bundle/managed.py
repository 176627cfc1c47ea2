"""Interpreter source `managed`: a standalone CPython build for the target, fetched by uv.

uv chooses the build, checks its checksum and keeps its own settings: UV_PYTHON_INSTALL_MIRROR,
UV_PYTHON_DOWNLOADS_JSON_URL, proxies and certificates pass through the environment.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from polyfn.toolchain import progress, pythons, uv_command
from polyfn.toolchain.bundle.find import default_python
from polyfn.toolchain.cache import room
from polyfn.toolchain.errors import InterpreterError
from polyfn.toolchain.provider import Arch

_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}
_CAUSE = re.compile(r"(?:error|cause): (.+)")
#: What follows a `+` has another ABI: free-threaded builds, and those for debugging, which are never taken.
_NAME = re.compile(r"cpython-(\d+)\.(\d+)\.(\d+)(?:(?:a|b|rc)\d+)?(?P<variant>\+freethreaded)?-")


def fetch(arch: Arch, python: str | None, cache: Path) -> Path:
    """Return the tree of a standalone build, with `bin` and `lib` in it, fetched if it is not cached.

    Raises InterpreterError if it cannot be had.
    """
    wanted = python or default_python()
    folder = cache / "interpreters"
    if (cached := _newest(folder, arch, wanted)) is not None:
        return cached
    room(folder)
    request = f"cpython-{wanted}-linux-{_MACHINE[arch]}-gnu"
    with progress.step(f"fetching Python {wanted}", arch):
        answer = subprocess.run(
            _command(request, folder), capture_output=True, text=True, check=False, env=_env()
        )
    found = _newest(folder, arch, wanted)
    if answer.returncode != 0 or found is None:
        raise InterpreterError(
            f"uv could not fetch Python {wanted} for {arch}: {_reason(answer.stderr)}",
            hint="check the network, set UV_PYTHON_INSTALL_MIRROR, or choose --interpreter host (for this "
            "machine's own architecture) or the path or URL of a standalone-build archive",
        )
    return found


def _command(request: str, folder: Path) -> list[str]:
    return [
        uv_command.binary(), "python", "install", request,
        "--install-dir", str(folder), "--no-bin", "--no-registry", "--no-progress",
    ]  # fmt: skip


def _env() -> dict[str, str]:
    # Where there is no network, uv's three retries are ten seconds before the fallback.
    return {"UV_HTTP_RETRIES": "1", **os.environ, "NO_COLOR": "1"}


def _newest(folder: Path, arch: Arch, wanted: str) -> Path | None:
    plain, threaded = pythons.plain(wanted), pythons.threaded(wanted)
    version = plain if plain.count(".") > 1 else f"{plain}.*"
    found = [
        path
        for path in folder.glob(f"cpython-{version}{'+freethreaded' * threaded}-linux-{_MACHINE[arch]}-gnu")
        if (match := _NAME.match(path.name)) and bool(match["variant"]) == threaded
        if not path.is_symlink() and (path / "bin").is_dir()
    ]
    return max(found, key=_version, default=None)


def _version(path: Path) -> tuple[int, ...]:
    match = _NAME.match(path.name)
    return tuple(int(part) for part in match.groups()[:3]) if match else ()


def _reason(stderr: str) -> str:
    # uv prints a chain of causes, outermost first: the ends say what was wanted and what went wrong.
    lines = [line.strip() for line in stderr.splitlines()]
    chain = [match[1] for line in lines if (match := _CAUSE.match(line))]
    if not chain:
        return next((line for line in reversed(lines) if line), "it gave no reason")
    return chain[0] if len(chain) == 1 else f"{chain[0]}: {chain[-1]}"
