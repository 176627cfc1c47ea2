"""Tells files apart by their first bytes; a name says little."""

from __future__ import annotations

from typing import Literal

Kind = Literal["elf", "macho", "pe", "key", ""]

#: How many bytes `kind` looks at.
SIZE = 96

_MACHO = {b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"}
_FAT = {b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"}


def kind(head: bytes, name: str) -> Kind:
    """Return what a file is, empty for what no check asks about."""
    magic = head[:4]
    if magic == b"\x7fELF":
        return "elf"
    # Java's class files have the same magic; there the next word is a version, and never below 45.
    if magic in _MACHO or (magic in _FAT and int.from_bytes(head[4:8], "big") < 45):
        return "macho"
    if magic[:2] == b"MZ" and (len(head) >= 64 or name.lower().endswith((".exe", ".dll", ".pyd"))):
        return "pe"
    if head.lstrip().startswith(b"-----BEGIN") and b"PRIVATE KEY-----" in head:
        return "key"
    return ""
