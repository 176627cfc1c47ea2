"""From the arguments of `run` and `invoke` to what an emulator is given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from polyfn.toolchain.cli.inside import artifact_manifest
from polyfn.toolchain.cli.options import existing, pairs
from polyfn.toolchain.cli.output import Output
from polyfn.toolchain.cli.progress import shown
from polyfn.toolchain.errors import EmulationError, UsageError
from polyfn.toolchain.manifest import ArtifactManifest, FunctionEntry
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.provider import Emulation, Provider


@dataclass(frozen=True)
class Served:
    """The functions of one artifact that are served, one of them chosen or all, and their emulation."""

    provider: Provider
    functions: tuple[FunctionEntry, ...]
    emulation: Emulation

    @property
    def function(self) -> FunctionEntry:
        """The one that was chosen; of all, the first."""
        return self.functions[0]


@contextmanager
def serving(
    source: str,
    output: Output,
    *,
    target: str | None,
    function: str | None,
    timeout: float,
    memory: int,
    env: Sequence[str],
    options: Sequence[str],
    host: str = "127.0.0.1",
    port: int = 0,
    every: bool = False,
) -> Iterator[Served]:
    """Give what an emulator needs; a source is packaged first, into a place that is removed afterwards.

    With `every`, where none is named, all functions are served if the platform serves them at once.

    Raises UsageError, ProjectError, ArtifactError, EmulationError, and what packaging raises.
    """
    from polyfn.toolchain import packaging
    from polyfn.toolchain.project import parse_source

    named = parse_source(source)
    if named.function and function and named.function != function:
        raise UsageError(
            f"::{named.function} and --function {function} name two functions", hint="give one of them"
        )
    existing(named.path, "ARTIFACT|SOURCE")
    environment, given = pairs(env, "--env"), pairs(options, "--option")
    plugins = Plugins(warn=output.warn)
    with tempfile.TemporaryDirectory(prefix="polyfn-") as place:
        artifact, manifest = named.path, artifact_manifest(named.path)
        provider = plugins.provider(target_of(manifest, target, named.path))
        if provider.emulate is None:
            raise EmulationError(
                f"target {provider.name!r} has no emulator",
                hint="polyfn providers --check --json tells which targets have one",
            )
        if manifest is None:
            with shown(output):
                made = packaging.quick(
                    named.path, provider.name, out=Path(place), log=output.say, plugins=plugins
                )
            artifact = made.path
            manifest = artifact_manifest(artifact)
            assert manifest is not None
        wanted = named.function or function
        whole = every and provider.several and wanted is None and len(manifest.functions) > 1
        chosen = manifest.functions if whole else (choose(manifest, wanted),)
        yield Served(
            provider,
            chosen,
            Emulation(
                artifact=artifact,
                function=None if whole else chosen[0].name,
                settings=_settings(manifest, provider),
                # Platforms take a carriage return for a new line within one entry; a terminal does not.
                log=lambda line: output.say(line.replace("\r", "\n")),
                host=host,
                port=port,
                timeout=timeout,
                memory=memory,
                environment=environment,
                options=given,
            ),
        )


def target_of(manifest: ArtifactManifest | None, target: str | None, path: Path) -> str:
    """Return the target to emulate. Raises UsageError if none or the wrong one was named."""
    if manifest is None:
        if target is None:
            raise UsageError(f"{path} is a source: it runs on no platform yet", hint="add --target NAME")
        return target
    if target is not None and target != manifest.target:
        raise UsageError(
            f"{path} was packaged for {manifest.target!r}, not for {target!r}",
            hint=f"leave --target out, or package the source for {target}",
        )
    return manifest.target


def choose(manifest: ArtifactManifest, wanted: str | None) -> FunctionEntry:
    """Return the function that was named, or the only one. Raises UsageError listing them."""
    names = [entry.name for entry in manifest.functions]
    if wanted is None and len(names) == 1:
        return manifest.functions[0]
    for entry in manifest.functions:
        if entry.name == wanted:
            return entry
    what = f"there is no function {wanted!r}" if wanted else f"there are {len(names)} functions"
    raise UsageError(
        f"{manifest.project}: {what}; it has {', '.join(names) or 'none'}",
        hint="name one: --function NAME, or ARTIFACT::NAME",
    )


def _settings(manifest: ArtifactManifest, provider: Provider) -> BaseModel:
    try:
        return provider.settings.model_validate(manifest.settings)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise EmulationError(
            f"the artifact's settings are not those of target {provider.name!r}: {fault['msg']}",
            hint="package the source again",
        ) from None
