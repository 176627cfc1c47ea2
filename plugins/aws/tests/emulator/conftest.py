import asyncio
import shutil
import sys
import textwrap
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from polyfn.toolchain.provider import Emulation, NoSettings
from polyfn_aws.emulator import emulate

HERE = Path(__file__).parent


class Bench:
    """Makes artifacts from the source of a bootstrap, and runs emulators on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log: list[str] = []

    def artifact(self, source: str) -> Path:
        place = self.root / "artifact"
        place.mkdir(exist_ok=True)
        shutil.copy(HERE / "peer.py", place)
        return self.script(
            place, f"#!{sys.executable}\n", "import json, os, sys, time\nfrom peer import *\n", source
        )

    def ric(self, source: str) -> Path:
        """An artifact that AWS's own runtime interface client serves."""
        place = self.root / "artifact"
        place.mkdir(exist_ok=True)
        (place / "app.py").write_text(textwrap.dedent(source))
        return self.script(place, "#!/bin/sh\n", f"exec {sys.executable} -m awslambdaric app.handler\n", "")

    def script(self, place: Path, *parts: str) -> Path:
        bootstrap = place / "bootstrap"
        bootstrap.write_text("".join(textwrap.dedent(part) for part in parts))
        bootstrap.chmod(0o755)
        return place

    def emulation(self, artifact: Path, **settings) -> Emulation:
        return Emulation(
            artifact=artifact,
            function=settings.pop("function", None),
            settings=settings.pop("settings", NoSettings()),
            log=self.log.append,
            **{"timeout": 5, **settings},
        )

    @asynccontextmanager
    async def emulate(self, artifact: Path, **settings):
        async with AsyncExitStack() as room:
            emulator = await room.enter_async_context(emulate(self.emulation(artifact, **settings)))
            client = httpx.AsyncClient(base_url=emulator.url, trust_env=False, timeout=30)
            emulator.http = await room.enter_async_context(client)
            yield emulator

    def reports(self) -> list[str]:
        return [line for line in self.log if line.startswith("REPORT")]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def children() -> set[int]:
    me = str(Path("/proc/self").resolve().name)
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == me:
            found.add(int(stat.parent.name))
    return found


@pytest.fixture(autouse=True)
def nothing_left():
    before = children()
    yield
    assert children() <= before, "a process outlived its emulator"


@pytest.fixture
def run():
    return lambda work: asyncio.run(asyncio.wait_for(work, 30))
