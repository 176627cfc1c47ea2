"""The text of `root/start.py`: from the interpreter to the provider's runtime, in a few lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.project import Project
from polyfn.toolchain.provider import Provider

# `posix` and `sys` are built in: nothing is read from disk before the provider's runtime.
# The modules of the user come before the standard library, as they do in `python hello.py`; polyfn
# comes before both, so that nothing can stand in for it.
_TEXT = """\
import posix
import sys

root = __file__.rpartition("/")[0] or "."
if root[0] != "/":
    root = posix.getcwd() + "/" + root
sys.path[:0] = [root + "/runtime", root + "/app"]
sys.path.append(root + "/site")
posix.chdir(root + "/app")

from {runtime} import main

main({start})
"""


def text(project: Project, manifest: Manifest, provider: Provider, settings: Mapping[str, Any]) -> str:
    """Return the script that starts the provider's runtime with the facts of this artifact."""
    names = [entry.name for entry in manifest.functions]
    start = {
        "provider": provider.name,
        "project": project.name,
        "functions": {entry.name: entry.module for entry in manifest.functions},
        "default": names[0] if len(names) == 1 else None,
        "settings": json.loads(json.dumps(settings)),
    }
    items = ", ".join(f"{key!r}: {value!r}" for key, value in start.items())
    return _TEXT.format(runtime=provider.runtime, start=f"{{{items}, 'root': root}}")
