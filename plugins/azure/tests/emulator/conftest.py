import asyncio
import json
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from polyfn.toolchain.provider import Emulation, NoSettings
from polyfn_azure.emulator import emulate
from tests.parts import need
from tests.ports import free_port

HERE = Path(__file__).parent
HTTP = [
    {"name": "req", "type": "httpTrigger", "direction": "in", "authLevel": "anonymous"},
    {"name": "res", "type": "http", "direction": "out"},
]


async def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


class Bench:
    """Makes function apps from the source of a handler, and runs emulators on them."""

    def __init__(self, root: Path) -> None:
        self.root = root / "app"
        self.log: list[str] = []

    def app(self, source: str, functions=None, *, head: bool = True, **host) -> Path:
        """A folder with host.json, a function.json for each function, and a handler in Python."""
        self.root.mkdir(exist_ok=True)
        for old in self.root.glob("*/function.json"):
            old.unlink()
        shutil.copy(HERE / "peer.py", self.root)
        main = self.root / "main"
        imports = "import json, os, signal, sys, threading, time\nfrom peer import *\n" if head else ""
        main.write_text(f"#!{sys.executable} -B\n{imports}{textwrap.dedent(source)}")
        main.chmod(0o755)
        described = {"description": {"defaultExecutablePath": "main"}, **host.pop("customHandler", {})}
        told = {"version": "2.0", "customHandler": described, **host}
        (self.root / "host.json").write_text(json.dumps(told))
        for name, given in (functions or {"hello": HTTP}).items():
            content = {"bindings": given} if isinstance(given, list) else given
            (self.root / name).mkdir(exist_ok=True)
            (self.root / name / "function.json").write_text(json.dumps(content))
        return self.root

    def emulation(self, app: Path, **settings) -> Emulation:
        return Emulation(
            artifact=app,
            function=settings.pop("function", None),
            settings=settings.pop("settings", NoSettings()),
            log=self.log.append,
            **{"timeout": 10, **settings},
        )

    @asynccontextmanager
    async def emulate(self, app: Path, **settings):
        async with AsyncExitStack() as room:
            emulator = await room.enter_async_context(emulate(self.emulation(app, **settings)))
            client = httpx.AsyncClient(base_url=emulator.url, trust_env=False, timeout=30)
            emulator.http = await room.enter_async_context(client)
            yield emulator

    @asynccontextmanager
    async def running(self, app: Path, **settings):
        """The same, with timers and queues, as `polyfn run` has them."""
        async with self.emulate(app, **settings) as emulator:
            wait = asyncio.create_task(emulator.wait())
            try:
                yield emulator
            finally:
                wait.cancel()
                await asyncio.gather(wait, return_exceptions=True)

    until = staticmethod(until)

    def having(self, words: str) -> list[str]:
        return [line for line in self.log if words in line]

    def told(self) -> list:
        """What handlers printed as JSON."""
        return [json.loads(line) for line in self.log if line.startswith(("{", "[{"))]


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
    return lambda work: asyncio.run(asyncio.wait_for(work, 60))


@pytest.fixture(scope="session")
def azurite(tmp_path_factory):
    """The connection string of an Azurite of these tests' own."""
    program = need("azurite")
    place = tmp_path_factory.mktemp("azurite")
    blob, queue, table = free_port(), free_port(), free_port()
    command = [program, "--silent", "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry"]
    command += ["--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table)]
    with (place / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=place, stdout=log, stderr=log)
    try:
        for port in (blob, queue):
            _wait(port, process, place / "log")
        yield _connection(blob, queue)
    finally:
        process.kill()
        process.wait()


def _wait(port: int, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"azurite did not start: {log.read_text()}")


def _connection(blob: int, queue: int) -> str:
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};"
        f"BlobEndpoint=http://127.0.0.1:{blob}/devstoreaccount1;"
        f"QueueEndpoint=http://127.0.0.1:{queue}/devstoreaccount1;"
    )
