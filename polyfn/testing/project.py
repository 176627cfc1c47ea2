"""The golden project, and the finished artifact that a target makes of it.

Each module of `golden` needs some capabilities; a target is given those modules whose capabilities it
declares, unchanged.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from polyfn.toolchain.packaging import PackageRequest, package
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.provider import Capability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyfn.toolchain.provider import Provider

SOURCE = Path(__file__).parent / "golden"

#: Module of the golden source to the capabilities without which it has no sense.
MODULES: dict[str, frozenset[Capability]] = {
    "call": frozenset({Capability.CALL}),
    "queue": frozenset({Capability.QUEUE}),
    "topic": frozenset({Capability.TOPIC}),
    "stream": frozenset({Capability.STREAM}),
    "schedule": frozenset({Capability.SCHEDULE}),
    "storage": frozenset({Capability.STORAGE}),
    "events": frozenset({Capability.EVENTS}),
    "web": frozenset({Capability.HTTP}),
    "streaming": frozenset({Capability.HTTP, Capability.HTTP_STREAMING}),
    "concurrency": frozenset({Capability.HTTP, Capability.CONCURRENCY}),
}

_PROJECT = """\
[project]
name = "golden"
version = "1"
requires-python = ">=3.11"
dependencies = ["pydantic>=2.9"]

[tool.polyfn]
modules = {modules}
"""


def write(provider: Provider, folder: Path) -> Path:
    """Write the golden project of a provider into `folder`, and return where it is."""
    place = folder / "golden-project"
    wanted = [name for name, needs in MODULES.items() if needs <= provider.capabilities]
    (place / "golden").mkdir(parents=True)
    for name in ("__init__", "acting", *wanted):
        shutil.copyfile(SOURCE / f"{name}.py", place / "golden" / f"{name}.py")
    modules = json.dumps([f"golden.{name}" for name in wanted])
    (place / "pyproject.toml").write_text(_PROJECT.format(modules=modules))
    return place


def artifact(provider: Provider, plugins: Plugins, folder: Path) -> Path:
    """Return the golden artifact of a provider in `folder`; whoever comes first makes it.

    It carries this machine's interpreter. Raises PolyfnError for every known trouble of packaging.
    """
    out = folder / f"golden-{provider.name}"
    with _alone(out.with_suffix(".lock")):
        if not out.exists():
            work = folder / f"golden-{provider.name}.work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            project = write(provider, work)
            asked = PackageRequest(project, provider.name, interpreter="host", out=work / "dist")
            package(asked, plugins=plugins)
            (work / "dist").rename(out)
    [made] = out.iterdir()
    return made


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Have one process in here at a time: test processes share what the first of them makes."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
