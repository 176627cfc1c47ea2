"""Wraps a bundle as what Azure Functions runs.

| format | what is made |
|---|---|
| `zip` | `<project>-azure-<arch>.zip`: host.json, `<function>/function.json`, the bundle |
| `native` | `<project>-azure-native.zip`: function_app.py for the native Python model (`native_app`) |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyfn.toolchain.artifacts.zip import write_zip
from polyfn.toolchain.bundle.script import FLAGS
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Artifact, Build, Bundle
from polyfn_azure.function_json import function_json
from polyfn_azure.host_json import host_json
from polyfn_azure.refusals import refusals
from polyfn_azure.settings import AzureSettings
from polyfn_azure.transports import plan


def package(build: Build) -> Artifact:
    """Write the artifact in the wanted format. Raises ArtifactError for what the host would not take."""
    assert isinstance(build.settings, AzureSettings)
    if refused := list(refusals(build.manifest, build.settings)):
        hint = "polyfn check --target azure says this without packaging"
        raise ArtifactError("\n".join(["Azure Functions would not take this:", *refused]), hint=hint)
    if build.format == "native":
        from polyfn_azure.native_app import write

        write(build, build.settings)
        return _written(build, f"{build.project}-azure-native.zip")
    _write(build, build.settings)
    return _written(build, f"{build.project}-azure-{build.bundle.arch}.zip")


def _write(build: Build, settings: AzureSettings) -> None:
    """Put what the host reads beside the bundle."""
    root, types = build.bundle.root, set()
    for entry in build.manifest.functions:
        content = function_json(entry, settings)
        types |= {binding["type"] for binding in content["bindings"]}
        write_json(root / entry.name / "function.json", content)
    transports = plan(build.manifest, settings)
    content = host_json(types, settings, transports, command(build.bundle))
    write_json(root / "host.json", content)


def command(bundle: Bundle) -> tuple[str, ...]:
    """Return what the host starts: the bundle's own launcher, or Azure's Python with the start script."""
    if bundle.interpreter != "platform":
        return ("start",)
    from polyfn.toolchain.bundle import pack

    start = pack.START if (bundle.root / pack.START).exists() else "start.py"
    # The host looks on the PATH for what is no file of the app, and starts it in the app's root.
    return ("python", *FLAGS, start)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file that people read as well."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _written(build: Build, name: str) -> Artifact:
    written = write_zip(
        build.bundle.root, build.out / name, epoch=build.epoch, kept=cache_folder() / "deflated"
    )
    return Artifact(
        path=build.out / name,
        target="azure",
        arch=build.bundle.arch,
        sha256=written.sha256,
        size=written.size,
        unpacked_size=written.unpacked_size,
        files=written.files,
    )
