"""The provider of the target `box`: an artifact is a directory, its emulator starts it once per event."""

import asyncio
import contextlib
import json
import shutil

from polyfn.toolchain.hooks import hookimpl
from polyfn.toolchain.provider import Artifact, Capability, Invoked, Platform, Provider, Sample


def package(build):
    path = build.out / f"{build.project}-{build.bundle.arch}"
    shutil.copytree(build.bundle.root, path, symlinks=True, dirs_exist_ok=True)
    files = [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return Artifact(path, "box", build.bundle.arch, "0" * 64, size, size, len(files))


class Running:
    def __init__(self, emulation, url):
        self.emulation = emulation
        self.url = url

    async def invoke(self, event):
        process = await asyncio.create_subprocess_exec(
            self.emulation.artifact / "start", self.emulation.function,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        answer, logs = await process.communicate(event)
        for line in logs.decode().splitlines():
            self.emulation.log(line)
        if process.returncode:
            return Invoked(answer, error="Crashed", status=500)
        return Invoked(answer, report={"bytes": len(answer)})

    async def wait(self):
        if "stop" not in self.emulation.options:
            await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def emulate(emulation):
    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        answer = await running.invoke(await reader.readexactly(size))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + answer.payload)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, emulation.host, emulation.port)
    running = Running(emulation, "http://{}:{}/".format(*server.sockets[0].getsockname()[:2]))
    limits = {"timeout": emulation.timeout, "memory": emulation.memory}
    emulation.log("entered " + json.dumps({**limits, **emulation.environment, **emulation.options}))
    try:
        async with server:
            yield running
    finally:
        emulation.log("left")


def sampler(function, data):
    kind = function.trigger["kind"]
    if kind == "call":
        return [Sample("plain", {"name": "world"} if data is None else data)]
    if kind == "queue":
        return [Sample("one", {"box": [data]}), Sample("two", {"box": [data, data]})]
    return []


def checks(manifest, settings):
    return [("warning", "boxes are small")] if len(manifest.functions) > 1 else []


@hookimpl
def polyfn_provider():
    return Provider(
        name="box", api=1, summary="boxes", capabilities=frozenset({Capability.CALL, Capability.QUEUE}),
        platforms=(Platform("amd64", (2, 26)), Platform("arm64", (2, 26))), runtime="polyfn_box.runtime",
        platform_pythons=("3.11", "3.12", "3.13", "3.14", "3.15"),
        ships=("polyfn_box.runtime",), package=package, emulate=emulate, sampler=sampler, checks=checks,
    )  # fmt: skip
