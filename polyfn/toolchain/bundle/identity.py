"""What tells one interpreter from another, so that a bundle made from it need not be made twice."""

from __future__ import annotations

import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

from polyfn.toolchain import pythons
from polyfn.toolchain.bundle import archive, digests, host, host_digest, managed
from polyfn.toolchain.bundle.find import default_python
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.provider import Arch


@dataclass(frozen=True)
class Identity:
    """An interpreter, before it goes into a bundle.

    `version` is `3.x.y`, or `3.x` where the platform has its own. `digest` stands for its content,
    None where nothing can; `program` is its executable, None where it stays where it is.
    """

    version: str
    digest: str | None
    program: Path | None = None

    @property
    def python(self) -> str:
        """The minor version."""
        return pythons.minor(self.version)


def interpreter(source: str, *, arch: Arch, python: str | None, store: Store) -> Identity:
    """Tell which interpreter a source gives. Raises InterpreterError where there is none."""
    if source == "linked":
        return Identity(python or default_python(), None)
    if source == "platform":
        return Identity(pythons.minor(python or default_python()), "platform")
    if source == "host":
        facts = host.probe(python)
        return Identity(facts.version, host_digest.digest(facts, store), facts.executable)
    called = archive.name(source.partition("#")[0])
    cache = store.cache
    folder = managed.fetch(arch, python, cache) if source == "managed" else archive.fetch(source, cache)
    tree = archive.find(folder, arch, python, called)
    # An archive's folder is named by its digest; that of a managed build only by its version.
    content = digests.file(tree.program) if source == "managed" else called
    return Identity(tree.version, digests.key(folder=folder.name, content=content), tree.program)


@functools.cache
def version(executable: str) -> str:
    """Return what an installed Python says of its version and build."""
    code = "import sys; print(sys.version, sys.implementation.cache_tag)"
    answer = subprocess.run([executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    return answer.stdout
