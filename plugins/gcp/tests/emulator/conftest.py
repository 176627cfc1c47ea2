import asyncio
import json
import shutil
import sys
import textwrap
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from polyfn.toolchain.provider import Emulation, NoSettings
from polyfn_gcp.emulator import emulate

HERE = Path(__file__).parent


def state(pid: int) -> str:
    """The letter that the kernel has for a process: S, T, Z, ... or gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


async def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.005)


class Bench:
    """Makes unpacked images from the source of a server, and runs emulators on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log: list[str] = []

    def image(self, source: str, **config) -> Path:
        """An image of this machine's Python: it runs in place, without a sandbox."""
        root = self.root / "image" / "rootfs"
        (root / "app").mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "peer.py", root / "app")
        main = root / "app" / "main"
        head = f"#!{sys.executable} -B\nimport json, os, signal, sys, threading, time\nfrom peer import *\n"
        main.write_text(head + textwrap.dedent(source))
        main.chmod(0o755)
        told = {"Entrypoint": ["/app/main"], "WorkingDir": "/app", **config}
        (root.parent / "config.json").write_text(json.dumps({"config": told}))
        return root.parent

    def emulation(self, image: Path, **settings) -> Emulation:
        options = {"sandbox": "off", **settings.pop("options", {})}
        return Emulation(
            artifact=image,
            function=settings.pop("function", None),
            settings=settings.pop("settings", NoSettings()),
            log=self.log.append,
            options={key: value for key, value in options.items() if value is not None},
            **{"timeout": 5, **settings},
        )

    @asynccontextmanager
    async def emulate(self, image: Path, **settings):
        async with AsyncExitStack() as room:
            emulator = await room.enter_async_context(emulate(self.emulation(image, **settings)))
            if emulator.url:
                client = httpx.AsyncClient(base_url=emulator.url, trust_env=False, timeout=30)
                emulator.http = await room.enter_async_context(client)
            yield emulator

    until = staticmethod(until)
    state = staticmethod(state)

    def having(self, words: str) -> list[str]:
        return [line for line in self.log if words in line]


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
