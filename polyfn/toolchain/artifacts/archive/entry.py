"""What is known of one entry of an artifact before it is looked into."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["file", "folder", "link", "other"]

#: By the type bits of a Unix mode.
KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


class DamagedError(Exception):
    """An entry cannot be read as its archive describes it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link.

    `name` is as in the archive, without `./` in front and `/` at the end. `mode` are the permission
    bits, None where the archive knows none. `packed` is what it takes in the archive, its headers
    included, None where that has no answer. `obstacle` is the code of the finding that makes the
    content unreadable.
    """

    name: str
    kind: Kind
    size: int
    mode: int | None = None
    target: str = ""
    modified: int | None = None
    obstacle: str | None = None
    packed: int | None = None
    handle: Any = field(default=None, compare=False)


class Archive(Protocol):
    """An opened artifact."""

    #: Size of the file in bytes, None for a directory.
    packed: int | None
    #: Digest of an image's manifest, SHA-256 in hexadecimal; None for what is no image.
    identity: str | None
    #: What an image has besides the bundle in it, by names from the image's root; None for what is no image.
    below: Sequence[Entry] | None

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries, in their order."""

    def head(self, entry: Entry, size: int) -> bytes:
        """Return the first bytes of a file. Raises DamagedError."""

    def read(self, entry: Entry, limit: int) -> bytes:
        """Return a file's content, at most `limit` bytes of it. Raises DamagedError."""

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Give a file's whole content in pieces. Raises DamagedError."""

    def close(self) -> None:
        """Let go of the file."""


def plain(name: str) -> str:
    """Return a name without `./` in front and `/` at the end."""
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name.rstrip("/") or ("" if name in (".", "") else name)
