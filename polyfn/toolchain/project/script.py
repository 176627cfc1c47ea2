"""PEP 723: the metadata block of a single file."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from polyfn.toolchain.errors import ProjectError

# The regular expression is the specification's own, since it is the only definition of the block.
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


def read(text: str, where: str) -> dict[str, Any]:
    """Return the `script` block as a table, empty if there is none. Raises ProjectError."""
    blocks = [match for match in _BLOCK.finditer(text) if match["type"] == "script"]
    if len(blocks) > 1:
        raise ProjectError(f"{where} has {len(blocks)} script blocks; PEP 723 allows one")
    if not blocks:
        return {}
    lines = blocks[0]["content"].splitlines()
    first = text.count("\n", 0, blocks[0].start("content")) + 1
    try:
        return tomllib.loads("\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines))
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(
            f"{where}: the script block that starts at line {first} is not TOML: {error}"
        ) from None
