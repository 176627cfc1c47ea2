"""Every form of a route, asked through the emulated host of a finished zip, with a prefix and without."""

import asyncio
import json

import httpx
import pytest

from polyfn.toolchain.packaging import PackageRequest
from polyfn.toolchain.packaging import package as packaged
from polyfn.toolchain.provider import Emulation
from polyfn_azure.emulator import emulate
from polyfn_azure.settings import AzureSettings

SOURCE = """
import polyfn
from polyfn import Http, Message, Queue


@polyfn.function(Http("GET", "/"))
async def root(request: polyfn.Request): return {"root": request.base_path}


@polyfn.function(Http("GET", "/files/{rest...}"))
async def files(request: polyfn.Request): return {"rest": request.params["rest"]}


@polyfn.function(Http(None, "/caf%C3%A9/{Name}"))
async def cafe(request: polyfn.Request): return {"cafe": request.params["Name"], "method": request.method}


@polyfn.function
def call(event: dict): return {"call": event}


@polyfn.function(Http())
async def rest(request: polyfn.Request): return {"all": request.raw_path}


@polyfn.function(Queue("orders"))
def orders(message: Message): print("never over HTTP")
"""
ASKED = [
    ("GET", "/", {"root": ""}),
    ("GET", "/files/a/b%2Fc", {"rest": "a/b/c"}),
    ("PUT", "/caf%C3%A9/x%20y", {"cafe": "x y", "method": "PUT"}),
    ("POST", "/call", {"call": {}}),
    ("GET", "/else/where", {"all": "/else/where"}),
    ("POST", "/orders", {"all": "/orders"}),
]


@pytest.mark.parametrize("prefix", ["", "api"])
def test_each_form_reaches_its_function(tmp_path, prefix):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "routes"\nversion = "1"\nrequires-python = ">=3.11"\n'
        '[tool.polyfn]\nmodule = "routes"\n'
        f'[tool.polyfn.azure]\nloop = "asyncio"\nroute_prefix = "{prefix}"\n'
    )
    (tmp_path / "routes.py").write_text(SOURCE)
    request = PackageRequest(tmp_path, "azure", interpreter="host", out=tmp_path / "dist")
    (artifact,) = packaged(request, log=lambda _: None)
    said = []

    async def work():
        settings = AzureSettings(route_prefix=prefix, loop="asyncio")
        emulation = Emulation(artifact.path, None, settings, said.append)
        async with (
            emulate(emulation) as emulator,
            httpx.AsyncClient(base_url=emulator.url, trust_env=False, timeout=30) as client,
        ):
            base = f"/{prefix}" if prefix else ""
            return [(await client.request(method, base + path)).text for method, path, _ in ASKED]

    answers = asyncio.run(work())
    expected = [{"root": f"/{prefix}" if prefix else ""}, *(answer for *_, answer in ASKED[1:])]
    assert [json.loads(text) for text in answers] == expected, said
    assert "never over HTTP" not in said
