"""The stage: one target's finished golden artifact, run by its emulator, function by function.

An emulator is started when a case asks for its function, and runs until the stage is left. Where one
deployment serves every function there is one emulator for all of them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zipfile import is_zipfile

from polyfn.testing.project import artifact
from polyfn.toolchain.cli.inside import artifact_manifest
from polyfn.toolchain.emulation.unpacked import unpacked
from polyfn.toolchain.errors import PluginError
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.provider import Emulation

if TYPE_CHECKING:
    from polyfn.toolchain.dialect import Dialect, Form, Front, Logged
    from polyfn.toolchain.manifest import FunctionEntry
    from polyfn.toolchain.provider import Emulator, Invoked, Provider

#: Seconds that a log line may take from the function to `Emulation.log`.
PATIENCE = 5.0
#: Seconds in which a line that nobody expects is still noticed.
BRIEF = 0.05


@dataclass
class Scene:
    """One running emulator. `lines` is what came to its log since `clear`."""

    emulator: Emulator
    dialect: Dialect
    lines: list[str] = field(default_factory=list)

    async def invoke(self, native: Any) -> Invoked:
        """Deliver one native event."""
        return await self.emulator.invoke(json.dumps(native, separators=(",", ":")).encode())

    def logged(self) -> list[Logged]:
        """Return the function's lines, without the platform's."""
        found = (self.dialect.logged(line) for line in self.lines)
        return [line for line in found if line is not None]

    async def wait_for_lines(self, count: int) -> list[Logged]:
        """Return the function's lines once there are as many, or when patience ends."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while len(self.logged()) < count and loop.time() < end:
            await asyncio.sleep(0.01)
        await asyncio.sleep(BRIEF)
        return self.logged()


class Stage:
    """One target's golden artifact. Use it as an async context; leaving it stops every emulator."""

    def __init__(self, target: str, folder: Path, *, plugins: Plugins | None = None) -> None:
        self.plugins = plugins or Plugins()
        self.provider: Provider = self.plugins.provider(target)
        self.dialect = _dialect(self.provider)
        self.artifact = artifact(self.provider, self.plugins, folder)
        manifest = artifact_manifest(self.artifact)
        assert manifest is not None
        #: Every form that events were delivered in: (kind of trigger, name) to that form.
        self.forms: dict[tuple[str, str], Form] = {}
        self._room = ExitStack()
        self._place = self._laid_out()
        self.manifest = manifest
        self._settings = self.provider.settings.model_validate(manifest.settings)
        self._open: dict[tuple[str | None, str], _Keeper] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(keeper.close() for keeper in self._open.values()))
        self._open.clear()
        self._room.close()

    def _laid_out(self) -> Path:
        """A zip that serves one function at a time is unpacked once, and not by each emulator."""
        if self.provider.several or not is_zipfile(self.artifact):
            return self.artifact
        return self._room.enter_context(unpacked(self.artifact))

    def entry(self, function: str) -> FunctionEntry:
        """Return the manifest's entry of a golden function."""
        return next(entry for entry in self.manifest.functions if entry.name == function)

    async def scene(self, function: str, front: Front | None = None) -> Scene:
        """Return the running emulator of a function, its log emptied."""
        front = front or self.dialect.fronts[0]
        key = None if self.provider.several else function, front.name
        keeper = self._open.get(key)
        if keeper is None:
            keeper = self._open[key] = _Keeper(self, key[0], front.options)
        scene = await keeper.scene()
        scene.lines.clear()
        return scene

    async def alone(self, function: str) -> _Keeper:
        """Return what keeps an emulator of a case's own, for the case to close."""
        return _Keeper(self, None if self.provider.several else function, self.dialect.fronts[0].options)

    def emulation(self, function: str | None, options: Mapping[str, str], lines: list[str]) -> Emulation:
        """Return what `Provider.emulate` is given."""
        return Emulation(
            artifact=self._place,
            function=function,
            settings=self._settings,
            log=lines.append,
            environment=self.dialect.environment,
            options=options,
        )


class _Keeper:
    """Keeps one emulator in a task of its own: its context is left by the task that entered it."""

    def __init__(self, stage: Stage, function: str | None, options: Mapping[str, str]) -> None:
        self._stage, self._function, self._options = stage, function, options
        self.lines: list[str] = []
        self._ready: asyncio.Future[Scene] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._keep())

    async def scene(self) -> Scene:
        """Return the emulator, once it runs. Raises what starting it raised."""
        return await asyncio.shield(self._ready)

    async def close(self) -> None:
        """Stop the emulator as its context does."""
        self._over.set()
        await asyncio.wait({self._task})

    async def _keep(self) -> None:
        emulate = self._stage.provider.emulate
        assert emulate is not None
        try:
            emulation = self._stage.emulation(self._function, self._options, self.lines)
            async with emulate(emulation) as emulator:
                self._ready.set_result(Scene(emulator, self._stage.dialect, self.lines))
                await self._over.wait()
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)


def _dialect(provider: Provider) -> Dialect:
    if provider.dialect is None or provider.emulate is None:
        lacking = "dialect" if provider.dialect is None else "emulator"
        raise PluginError(
            f"target {provider.name!r} has no {lacking}, so the golden suite cannot speak to its artifacts",
            hint="docs/testing.md says what a provider gives to join the suite",
        )
    return provider.dialect()
