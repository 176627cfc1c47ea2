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

from polyfn.runtime import pruned
from {runtime} import main

sys.meta_path.append(pruned.Finder(root))
main({{**{start}, "root": root}})
"""

#: The same where the runtime is in a pack: what start.pyc does, to be read and to be run.
PACKED = """\
import marshal

boot = {{"__name__": "polyfn.runtime.boot"}}
with open(__file__ + "c", "rb") as file:
    exec(marshal.loads(file.read()[16:]), boot)
said = boot["begin"](__file__)

from {runtime} import main

main(said["start"])
"""


def text(project: Project, manifest: Manifest, provider: Provider, settings: Mapping[str, Any]) -> str:
    """Return the script that starts the provider's runtime with the facts of this artifact."""
    start = facts(project, manifest, provider, settings)
    return _TEXT.format(runtime=provider.runtime, start=start)


def facts(
    project: Project, manifest: Manifest, provider: Provider, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the provider's runtime is told, but for the place of the bundle."""
    names = [entry.name for entry in manifest.functions]
    return {
        "provider": provider.name,
        "project": project.name,
        "functions": {entry.name: entry.module for entry in manifest.functions},
        "default": names[0] if len(names) == 1 else None,
        "settings": json.loads(json.dumps(settings)),
    }
