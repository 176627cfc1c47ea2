"""A target that wraps nothing: its artifact is the bundle's tree, and its runtime tells what it was given."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

from pydantic import BaseModel, ConfigDict

from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.provider import Artifact, Build, Capability, Platform, Provider

RUNTIME = """
def main(start):
    import json, os, sys
    from polyfn.runtime.start import choose, load
    declaration = load(start, choose(start, None))
    print(json.dumps({"start": start, "path": sys.path, "cwd": os.getcwd(), "said": declaration.handler({})}))
"""

Needs = Callable[[Manifest, BaseModel, str | None], Sequence[str]]


class DeskSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    drawer: int = 1


def package(build: Build) -> Artifact:
    path = build.out / f"{build.project}-desk-{build.bundle.arch}"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(build.bundle.root, path)
    return Artifact(path, "desk", build.bundle.arch, "", 0, 0, 0)


def desk(ships: Sequence[str] = ("deskruntime",), needs: Needs | None = None) -> Provider:
    return Provider(
        name="desk",
        api=1,
        summary="a directory",
        capabilities=frozenset(Capability),
        platforms=(Platform("amd64", (2, 34)), Platform("arm64", (2, 34))),
        runtime="deskruntime.start",
        ships=tuple(ships),
        package=package,
        settings=DeskSettings,
        platform_pythons=("3.11", "3.12", "3.13", "3.14", "3.15"),
        needs=needs,
    )


class Hook:
    """A hook of pluggy's with one implementation, or with none."""

    def __init__(self, implementation, implemented: bool) -> None:
        self.implementation, self.implemented = implementation, implemented

    def get_hookimpls(self):
        return [self.implementation] * self.implemented

    def __call__(self, **arguments):
        for implementation in self.get_hookimpls():
            implementation(**arguments)


class OnlyDesk:
    """Stands in for the installed plugins, and writes down which hooks were called."""

    def __init__(self, *, hooks: bool = True, needs: Needs | None = None) -> None:
        self.needs = needs
        self.called: list[str] = []
        self.hook = SimpleNamespace(
            polyfn_before_package=Hook(
                lambda build: self.called.append(f"before {build.bundle.arch}"), hooks
            ),
            polyfn_after_package=Hook(
                lambda artifact, build: self.called.append(f"after {artifact.path.name}"), hooks
            ),
        )

    def provider(self, target: str) -> Provider:
        assert target == "desk"
        return desk(needs=self.needs)


def write_runtime(folder: Path) -> None:
    (folder / "deskruntime").mkdir(parents=True)
    (folder / "deskruntime" / "__init__.py").write_text("")
    (folder / "deskruntime" / "start.py").write_text(RUNTIME)
    (folder / "deskruntime" / "py.typed").write_text("")
