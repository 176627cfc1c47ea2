"""An older Debian than this machine's: roots to run in, and a sysroot to link against.

The suite leaves Debian's mirrors one day. What needs it is skipped then, with that reason.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests import parts

#: Debian 11, whose glibc is older than that of provided.al2023.
SUITE, GLIBC = "bullseye", (2, 31)
_PACKAGES = ("libc6", "libc6-dev", "linux-libc-dev", "libcrypt1", "libcrypt-dev")


def root(arch: str) -> Path:
    """A root with the older libc and a shell, and nothing else."""
    try:
        return parts.root(arch, SUITE)
    except parts.MissingPartError as error:
        # Not `parts.missing`: no machine can be given what the mirrors have no more.
        pytest.skip(f"there is no older Debian: {error}")


def sysroot(arch: str) -> Path:
    """A directory with the headers and libraries of the older libc. Raises MissingPartError."""
    path = parts.cache() / f"sysroot-{SUITE}-{arch}"
    with parts.only_one(path.name):
        if not path.exists():
            staged = path.with_name(f"{path.name}.part")
            shutil.rmtree(staged, ignore_errors=True)
            parts.unpack_debs(_PACKAGES, arch, staged, SUITE)
            for link in (found for found in staged.rglob("*") if found.is_symlink()):
                _make_relative(link, staged)
            staged.replace(path)
    return path


def _make_relative(link: Path, base: Path) -> None:
    # An absolute link would lead out of the sysroot, to the libraries of this machine.
    target = os.readlink(link)
    if target.startswith("/"):
        link.unlink()
        link.symlink_to(os.path.relpath(base / target.lstrip("/"), link.parent))
