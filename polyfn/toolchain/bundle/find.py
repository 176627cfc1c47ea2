"""Finds the interpreters that are installed on this machine."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from pathlib import Path

from polyfn.toolchain import pythons, uv_command
from polyfn.toolchain.errors import InterpreterError
from polyfn.toolchain.provider import Arch


def host_arch() -> Arch:
    """Return this machine's architecture. Raises InterpreterError where polyfn knows no such one."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return "amd64"
    if machine in ("aarch64", "arm64"):
        return "arm64"
    raise InterpreterError(f"this machine is {machine}; functions run on amd64 and arm64")


def default_python() -> str:
    """Return the minor version of the running Python, such as `3.13`."""
    return pythons.minor(pythons.running())


def base_executable(python: str | None) -> str:
    """Return the path of an installed interpreter: the running one's base, or one of version `python`.

    Raises InterpreterError if none is installed.
    """
    if python is None or python in (default_python(), pythons.running()):
        return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    # Without a word on the kind, uv takes a free-threaded build as well, from 3.14 on.
    found = _ask_uv(python if pythons.threaded(python) else f"{python}+gil")
    if found is None:
        raise InterpreterError(
            f"no Python {python} is installed on this machine",
            hint=f"install it (uv python install {python}), or leave --interpreter at its default, "
            "which fetches one",
        )
    return os.path.realpath(found)


def installed(python: str) -> str | None:
    """Return the path of an installed interpreter of version `python`, None if there is none."""
    try:
        return base_executable(python)
    except InterpreterError:
        return None


def alike(python: str) -> str | None:
    """Return the path of any installed interpreter of that kind, free-threaded or not; None without one."""
    if pythons.threaded(python) == pythons.threaded(pythons.running()):
        return base_executable(None)
    found = _ask_uv("3+freethreaded" if pythons.threaded(python) else "3+gil")
    return None if found is None else os.path.realpath(found)


def runs(command: list[str]) -> bool:
    """Whether an interpreter starts on this machine."""
    try:
        return (
            subprocess.run([*command, "-I", "-S", "-c", ""], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def _ask_uv(request: str) -> str | None:
    command = [uv_command.binary(), "python", "find", "--no-project", "--system", "--no-python-downloads"]
    # Of pyenv's interpreters only the selected one is on PATH; the others are as much installed.
    versions = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    more = [str(folder / "bin") for folder in sorted(versions.glob("3.*"))]
    path = os.pathsep.join([os.environ.get("PATH", ""), *more])
    return _found((*command, f"cpython@{request}"), path)


@functools.cache
def _found(command: tuple[str, ...], path: str) -> str | None:
    # Asked for several times in a build, and each time costs a process.
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    return answer.stdout.strip() or None if answer.returncode == 0 else None
