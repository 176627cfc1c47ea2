"""Starts a container's process: in a sandbox where one can be had, else from where its root lies."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from polyfn.toolchain.emulation.container import in_place
from polyfn.toolchain.emulation.process import Exit, Process
from polyfn.toolchain.emulation.processes import descendant
from polyfn.toolchain.emulation.sandbox import WRAPPERS, bubblewrap, sandboxed
from polyfn.toolchain.errors import UsageError
from polyfn_gcp.emulator import texts
from polyfn_gcp.emulator.configuration import Configuration

#: Seconds from SIGTERM to SIGKILL (documented).
GRACE = 10.0


def sandbox(configuration: Configuration) -> Path | None:
    """Return the bubblewrap to run it with, or None to run it directly. Raises UsageError."""
    wanted, linked = configuration.sandbox, configuration.image.linked
    if wanted == "off" or (linked and wanted == "auto"):
        return None
    if wanted == "on" and linked:
        raise UsageError(
            "sandbox=on: this image was made from a source, for this machine's own interpreter",
            hint="package it with `polyfn package --target gcp`, or leave the option out",
        )
    program = bubblewrap()
    if wanted == "on" and program is None:
        raise UsageError(
            "sandbox=on: there is no bubblewrap that can make namespaces here",
            hint="install bubblewrap (bwrap), or leave the option out",
        )
    return program


class Launched:
    """A container's process. `main` is the container's own first process, which signals are for."""

    def __init__(self, process: Process, *, wrapped: bool) -> None:
        self.process = process
        self._wrapped = wrapped

    @property
    def main(self) -> int | None:
        """Its process id, or None if it is not there yet, or no more."""
        if not self.process.alive:
            return None
        if not self._wrapped:
            return self.process.pid
        found = descendant(self.process.pid, WRAPPERS)
        return found.pid if found is not None else None

    def written(self) -> int:
        """Return the bytes of the files that it has written, which Cloud Run keeps in memory.

        Outside a sandbox they are on this machine's disk, and not counted.
        """
        if not self._wrapped or (main := self.main) is None:
            return 0
        root, used = Path(f"/proc/{main}/root"), {}
        for place in (root, root / "tmp", root / "var/tmp", root / "dev/shm"):
            try:
                used[place.stat().st_dev] = _used(place)
            except OSError:
                continue
        return sum(used.values())

    def how(self, ended: Exit) -> Exit:
        """Return how the container ended, which its wrapper tells as a status above 128."""
        if self._wrapped and ended.code is not None and 128 < ended.code <= 128 + signal.SIGRTMAX:
            return Exit(None, ended.code - 128)
        return ended

    async def stop(self, grace: float = GRACE) -> None:
        """End it: SIGTERM to its first process, up to `grace` seconds, then SIGKILL to all that is left."""
        await self.process.wake()
        if grace and (main := self.main) is not None:
            with suppress(ProcessLookupError):
                os.kill(main, signal.SIGTERM)
            await asyncio.wait({self.process.ended}, timeout=grace)
        await self.process.stop(0)


def _used(place: Path) -> int:
    # A read-only place of the image is on this machine's disk, and has no size of its own.
    facts = os.statvfs(place)
    return 0 if facts.f_flag & os.ST_RDONLY else (facts.f_blocks - facts.f_bfree) * facts.f_frsize


def launch(
    configuration: Configuration, environment: Mapping[str, str], log: Callable[[str], None]
) -> Launched:
    """Start the container with these variables and no others; its end is logged.

    Raises OSError if it cannot be executed, and UsageError.
    """
    container = replace(configuration.container, environment=environment)
    program = sandbox(configuration)
    if program is None:
        command, directory, variables = in_place(container)
    else:
        command, variables = sandboxed(container, program)
        directory = Path("/")
    process = Process(command, cwd=directory, environment=variables, log=log)
    launched = Launched(process, wrapped=program is not None)
    process.ended.add_done_callback(lambda ended: log(texts.exit_line(launched.how(ended.result()))))
    return launched
