"""The forms that an artifact is read from: a zip file, a tar file, a directory."""

from polyfn.toolchain.verify.archive.entry import Archive, DamagedError, Entry
from polyfn.toolchain.verify.archive.opening import opened

__all__ = ["Archive", "DamagedError", "Entry", "opened"]
