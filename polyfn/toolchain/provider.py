"""The provider seam: the one object that a plugin gives to polyfn, and what passes through it.

A provider is a distribution with an entry point in the group `polyfn.providers`, named like its
target. The entry point is a module with one hook:

    @polyfn.toolchain.hooks.hookimpl
    def polyfn_provider() -> Provider:
        return Provider(name="fly", api=1, ...)

docs/writing-a-provider.md builds one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from polyfn.toolchain.manifest import FunctionEntry, Manifest

#: The level of this seam. A provider names the level it was written for; polyfn speaks this one and
#: the one before it.
API_LEVEL = 1

Arch = Literal["amd64", "arm64"]
#: Where a bundle's interpreter is from: see polyfn/toolchain/bundle/interpreter.py.
Source = Literal["managed", "host", "archive", "platform", "linked"]


class Capability(enum.StrEnum):
    """What a provider can honour. `polyfn check` compares it with what the functions ask."""

    CALL = "call"
    HTTP = "http"
    QUEUE = "queue"
    TOPIC = "topic"
    STREAM = "stream"
    SCHEDULE = "schedule"
    STORAGE = "storage"
    EVENTS = "events"
    HTTP_STREAMING = "http-streaming"
    PARTIAL_BATCH = "partial-batch"
    RETRY_DELAY = "retry-delay"
    DEFER = "defer"
    STOP_HOOKS = "stop-hooks"
    CONCURRENCY = "concurrency"


@dataclass(frozen=True)
class Platform:
    """One kind of machine that the target runs on: an architecture and the glibc it has."""

    arch: Arch
    glibc: tuple[int, int]


class NoSettings(BaseModel):
    """`[tool.polyfn.<target>]` of a provider that has no settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Bundle:
    """One directory tree that holds everything a function needs to run.

    root/app      the user's code, the working directory at run time
    root/site     the dependencies, as in site-packages
    root/runtime  polyfn's runtime and the provider's
    root/python   the interpreter (absent for source `platform`)
    root/start.py names the provider's runtime and the functions; run with the interpreter
    root/start    executable shell script, runs start.py with the bundle's interpreter from wherever
                  the tree lies (absent for source `platform`)
    root/polyfn.json  the manifest

    `command` is what `start` runs, with paths relative to the root, for wraps that need no shell.
    """

    root: Path
    arch: Arch
    python: str
    interpreter: Source
    command: tuple[str, ...]
    distributions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Build:
    """What `Provider.package` is given: wrap `bundle`, write into `out`, return the artifact.

    `format` is one of `Provider.formats`, None where the provider has none.
    """

    project: str
    manifest: Manifest
    bundle: Bundle
    settings: BaseModel
    out: Path
    epoch: int
    log: Callable[[str], None]
    format: str | None = None


@dataclass(frozen=True)
class Wrapping:
    """How a bundle is going to be wrapped: what `Provider.inputs` is asked about."""

    settings: BaseModel
    arch: Arch
    interpreter: Source
    format: str | None = None


@dataclass(frozen=True)
class Combination:
    """What `Provider.combine` is given beside the artifacts, which are of one project."""

    project: str
    settings: BaseModel
    out: Path
    epoch: int
    log: Callable[[str], None]
    format: str | None = None


@dataclass(frozen=True)
class Artifact:
    """What was made: a file or directory that can be deployed, or given to `polyfn run`.

    `archs` are the architectures of an artifact that was combined of several; `arch` is then the first.
    """

    path: Path
    target: str
    arch: Arch
    sha256: str
    size: int
    unpacked_size: int
    files: int
    archs: tuple[Arch, ...] = ()


@dataclass(frozen=True)
class SizeLimit:
    """A number of bytes that an artifact may have. `source` is the page that says so."""

    size: int
    source: str
    remedy: str | None = None


@dataclass(frozen=True)
class ArtifactRules:
    """What a platform asks of an artifact, for `polyfn verify`.

    | attribute | content |
    |---|---|
    | `entry` | files that must be there and be executable, unless the platform's own Python runs it |
    | `unpacked_limit` | bytes of all files: above it the platform refuses the artifact |
    | `direct_limit` | bytes of the archive: above it the artifact takes another way to the platform |
    | `libraries` | shared libraries that the platform has besides glibc's own |
    | `library_versions` | highest symbol version that they offer: `{"GLIBCXX": (3, 4, 29)}` |
    | `libraries_source` | the page that says which they are |
    | `programs` | absolute paths of programs that it has besides `/bin/sh`, `/bin/bash` and `/usr/bin/env` |
    | `modules` | top-level modules that the platform's own Python has besides the standard library |
    """

    entry: tuple[str, ...] = ()
    unpacked_limit: SizeLimit | None = None
    direct_limit: SizeLimit | None = None
    libraries: frozenset[str] = frozenset()
    library_versions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    libraries_source: str | None = None
    programs: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sample:
    """One event as the platform would deliver it: `name` says which form, `event` is its JSON."""

    name: str
    event: Any


@dataclass(frozen=True)
class Invoked:
    """What one emulated invocation gave.

    `error` is the platform's word for the failure (Lambda: `Unhandled`), None on success.
    """

    payload: bytes
    error: str | None = None
    status: int = 200
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Emulation:
    """What `Provider.emulate` is given.

    `artifact` is a packaged file, or its unpacked tree. `log` takes the lines that the artifact and
    the emulator write, without newline. `port` 0 picks a free one; `timeout` is the invocation
    limit in seconds and `memory` the limit in MB, both as they would be configured on the platform.
    """

    artifact: Path
    function: str | None
    settings: BaseModel
    log: Callable[[str], None]
    host: str = "127.0.0.1"
    port: int = 0
    timeout: float = 30.0
    memory: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


class Emulator(Protocol):
    """A running emulator. Leaving its context stops the artifact as the platform would."""

    @property
    def url(self) -> str:
        """Where plain HTTP is served."""

    async def invoke(self, event: bytes) -> Invoked:
        """Deliver one native event and wait for the answer."""

    async def wait(self) -> None:
        """Return when the emulator has stopped by itself."""


class Packager(Protocol):
    """Wraps a bundle."""

    def __call__(self, build: Build) -> Artifact:
        """Write the artifact. Raises ToolchainError for what cannot be wrapped."""


@dataclass(frozen=True)
class Provider:
    """Everything polyfn needs to know of one platform.

    `name` equals the entry point's name. `runtime` is the dotted name of a module that ships; it
    has `main(start: dict) -> None`, which serves until the platform ends it. `ships` are the
    top-level packages or dotted subpackages copied into a bundle for it. `sampler` makes native
    events for a function, with the given data as payload where it is not None; the first sample is
    the default form. `checks` returns findings for `polyfn check`, as (severity, message) pairs.
    `rules` are what `polyfn verify` holds an artifact against. `pythons` are minor versions; from 3.13
    on each stands for its free-threaded build as well. `platform_pythons` are the platform's own.

    `needs` returns the names of the distributions that the runtime imports beyond the standard library,
    a server for instance: they are installed into the bundle's `site` unless the project's own
    dependencies bring them. `polyfn package --explain` asks it with a manifest without functions, since
    it imports no module.

    `several` says that one deployment serves all functions of an artifact, and not one of them.

    `formats` are the forms that an artifact may have, the default first, where there are several. Those
    among `platform_formats` carry no interpreter: for them, `platform` is the default source of one.
    `combine` makes one artifact of several architectures' ones, or returns None to leave them as they
    are. `inputs` tells what else an artifact is made from, by name, such as the digest of a base image:
    where that changes, the artifact is not taken from the cache. `absent` says why the target does not
    have an architecture that others have.
    """

    name: str
    api: int
    summary: str
    capabilities: frozenset[Capability]
    platforms: tuple[Platform, ...]
    runtime: str
    ships: tuple[str, ...]
    package: Packager
    settings: type[BaseModel] = NoSettings
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13", "3.14", "3.15")
    platform_pythons: tuple[str, ...] = ()
    emulate: Callable[[Emulation], AbstractAsyncContextManager[Emulator]] | None = None
    deploy: Callable[[Artifact, BaseModel], None] | None = None
    sampler: Callable[[FunctionEntry, Any], Sequence[Sample]] | None = None
    checks: Callable[[Manifest, BaseModel], Sequence[tuple[str, str]]] | None = None
    rules: ArtifactRules | None = None
    needs: Callable[[Manifest, BaseModel], Sequence[str]] | None = None
    several: bool = False
    formats: tuple[str, ...] = ()
    platform_formats: frozenset[str] = frozenset()
    combine: Callable[[Sequence[Artifact], Combination], Artifact | None] | None = None
    inputs: Callable[[Wrapping], Mapping[str, str]] | None = None
    absent: Mapping[str, str] = field(default_factory=dict)

    def platform(self, arch: str) -> Platform | None:
        """Return the platform of this architecture, or None."""
        return next((platform for platform in self.platforms if platform.arch == arch), None)
