"""The forms that an artifact is read from: a zip file, a tar file, a directory, an image."""

from polyfn.toolchain.artifacts.archive.entry import Archive, DamagedError, Entry
from polyfn.toolchain.artifacts.archive.opening import opened

__all__ = ["Archive", "DamagedError", "Entry", "opened"]
