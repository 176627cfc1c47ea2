"""A finished zip of polyfn's, fed by a real Azurite: what its outcomes are to the host."""

import asyncio
import json
import os
from hashlib import sha256
from uuid import uuid4

import pytest

from polyfn.toolchain.packaging import PackageRequest
from polyfn.toolchain.packaging import package as packaged
from polyfn_azure.emulator.account import account
from polyfn_azure.emulator.queues import Queues
from polyfn_azure.settings import AzureSettings

SOURCE = """
import hashlib
import json
import polyfn


@polyfn.function(polyfn.Queue("QUEUE"))
def fulfil(message: polyfn.Message[bytes]) -> None:
    told = {"sha": hashlib.sha256(message.data).hexdigest(), "attempt": message.attempt, "id": message.id}
    print("GOT " + json.dumps(told), flush=True)
    if message.data == b"drop":
        raise polyfn.Drop("because")
    if message.data == b"retry":
        raise polyfn.Retry
    if message.data == b"fail":
        raise ValueError("secret")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("polyfn")
    queue = f"q{uuid4().hex[:12]}"
    (place / "shop.py").write_text(SOURCE.replace("QUEUE", queue))
    request = PackageRequest(place / "shop.py", "azure", out=place / "out", interpreter="host")
    (artifact,) = packaged(request)
    return queue, artifact.path


def got(bench, body: bytes):
    told = [json.loads(line.partition("GOT ")[2]) for line in bench.log if "GOT " in line]
    return [each for each in told if each["sha"] == sha256(body).hexdigest()]


def test_outcomes(bench, run, made, azurite):
    queue, zipped = made
    queues = Queues(account("x", azurite), encoded=True)
    kept = [b"done", b"dGVzdA==", b'{"Id": "forged", "DequeueCount": 9}', os.urandom(48 * 1024 - 1), b"drop"]
    bad = [b"retry", b"fail"]

    async def work():
        for body in [*kept, *bad]:
            await queues.put(queue, body)
        settings = {"environment": {"AzureWebJobsStorage": azurite}, "options": {"poll": "0.2"}}
        async with bench.running(zipped, settings=AzureSettings(), **settings):
            await bench.until(lambda: len(bench.having(f"Moving message to queue '{queue}-poison'")) == 2, 30)
            await bench.until(lambda: len(bench.having("(Succeeded")) == len(kept), 30)
            await asyncio.sleep(0.3)
        poisoned = await queues.take(f"{queue}-poison", 32, 1)
        return await queues.take(queue, 32, 1), sorted(each.body(encoded=True) for each in poisoned)

    assert run(work()) == ([], sorted(bad))
    for body in kept:
        (only,) = got(bench, body)
        assert only["attempt"] == 1
        assert only["id"] != "forged"
    for body in bad:
        assert [each["attempt"] for each in got(bench, body)] == [1, 2, 3, 4, 5]
