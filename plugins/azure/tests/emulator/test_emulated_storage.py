"""Queues and blobs of a real Azurite, as `polyfn run` reads and writes them."""

import asyncio
import json
import os
from base64 import b64encode
from uuid import uuid4

import pytest

from polyfn.toolchain.errors import UsageError
from polyfn_azure.emulator.account import account
from polyfn_azure.emulator.blobs import Blobs
from polyfn_azure.emulator.queues import Queues

HEAD = """
def fulfil(data, metadata):
    print(json.dumps({"data": data, "metadata": metadata}), flush=True)
    return work(data, metadata)
"""
SERVE = "functions(fulfil=fulfil)\n"


class Store:
    """An account with names of its own for every test."""

    def __init__(self, connection: str) -> None:
        self.connection = connection
        told = account("x", connection)
        self.queues, self.blobs = Queues(told, encoded=True), Blobs(told)
        self.name = f"q{uuid4().hex[:12]}"

    def trigger(self, **keys):
        return [
            {"name": "message", "type": "queueTrigger", "direction": "in", "queueName": self.name, **keys}
        ]

    async def left(self, queue=None):
        return await self.queues.take(queue or self.name, 32, 1)


@pytest.fixture
def store(azurite):
    return Store(azurite)


def running(bench, store, app, **options):
    given = {"poll": "0.2", **options}
    return bench.running(app, environment={"AzureWebJobsStorage": store.connection}, options=given)


async def poisoned(bench, store, seconds=10.0):
    found: list = []

    async def look():
        end = asyncio.get_running_loop().time() + seconds
        while not found:
            assert asyncio.get_running_loop().time() < end, "nothing was poisoned"
            found.extend(await store.queues.take(f"{store.name}-poison", 32, 60))
            await asyncio.sleep(0.05)

    await look()
    return found


def test_success_deletes(bench, run, store):
    app = bench.app(f"def work(data, metadata): return None\n{HEAD}{SERVE}", {"fulfil": store.trigger()})
    texts = ["plain", '{"Id": "forged", "when": "2024-04-06T15:30:00Z"}', "dGVzdA==", "ü\u2028", ""]

    async def work():
        for text in texts:
            await store.queues.put(store.name, text.encode())
        async with running(bench, store, app):
            await bench.until(lambda: len(bench.having("(Succeeded")) == len(texts))
            await asyncio.sleep(0.3)
        return await store.left()

    assert run(work()) == []
    told = {json.loads(each["data"]["message"]): each["metadata"] for each in bench.told()}
    assert sorted(told) == sorted(texts)
    assert told["plain"]["DequeueCount"] == "1"
    assert json.loads(told["plain"]["Id"]).count("-") == 4
    assert told["plain"]["InsertionTime"].endswith("+00:00")
    assert told[texts[1]]["Id"] == '"forged"'
    assert told[texts[1]]["when"] == '"04/06/2024 15:30:00"'
    assert len(told) == len(texts)
    assert bench.having(f"New queue message detected on '{store.name}'.")


def test_a_failure_comes_again_five_times_and_is_poisoned(bench, run, store):
    app = bench.app(f"def work(data, metadata): raise ValueError\n{HEAD}{SERVE}", {"fulfil": store.trigger()})

    async def work():
        await store.queues.put(store.name, b"bad")
        async with running(bench, store, app):
            (found,) = await poisoned(bench, store)
            await asyncio.sleep(0.3)
        return found.body(encoded=True), await store.left()

    assert run(work()) == (b"bad", [])
    assert [each["metadata"]["DequeueCount"] for each in bench.told()] == ["1", "2", "3", "4", "5"]
    assert bench.having(f"Moving message to queue '{store.name}-poison'")


def test_settings_of_host_json(bench, run, store):
    queues = {"maxDequeueCount": 2, "messageEncoding": "none", "visibilityTimeout": "00:00:01"}
    app = bench.app(
        f"def work(data, metadata): raise ValueError\n{HEAD}{SERVE}", {"fulfil": store.trigger()},
        extensions={"queues": queues},
    )  # fmt: skip

    async def work():
        await Queues(account("x", store.connection), encoded=False).put(store.name, b"<not base64> & so")
        async with running(bench, store, app):
            await bench.until(lambda: len(bench.told()) == 1)
            begin = asyncio.get_running_loop().time()
            await bench.until(lambda: len(bench.told()) == 2)
            took = asyncio.get_running_loop().time() - begin
            (found,) = await poisoned(bench, store)
        return found.raw, took

    raw, took = run(work())
    assert raw == "<not base64> & so"
    assert took > 0.6
    assert json.loads(bench.told()[0]["data"]["message"]) == "<not base64> & so"


def test_text_that_is_no_base64_is_poisoned_unseen(bench, run, store):
    app = bench.app(f"def work(data, metadata): return None\n{HEAD}{SERVE}", {"fulfil": store.trigger()})

    async def work():
        await store.queues.put_text(store.name, "no base64!")
        async with running(bench, store, app):
            (found,) = await poisoned(bench, store)
        return found.raw

    assert run(work()) == "no base64!"
    assert bench.told() == []


def test_it_is_hidden_while_it_is_worked_on(bench, run, store):
    source = f"def work(data, metadata): time.sleep(1.0)\n{HEAD}{SERVE}"
    app = bench.app(source, {"fulfil": store.trigger()})

    async def work():
        await store.queues.put(store.name, b"slow")
        async with running(bench, store, app):
            await bench.until(lambda: len(bench.told()) == 1)
            seen = await store.left()
            await bench.until(lambda: bench.having("(Succeeded"))
            await asyncio.sleep(0.2)
        return seen, await store.left()

    assert run(work()) == ([], [])
    assert len(bench.told()) == 1


def test_several_at_once(bench, run, store):
    source = f"def work(data, metadata): time.sleep(0.5)\n{HEAD}{SERVE}"
    app = bench.app(
        source, {"fulfil": store.trigger()}, extensions={"queues": {"batchSize": 4, "newBatchThreshold": 2}}
    )

    async def work():
        for number in range(8):
            await store.queues.put(store.name, b"%d" % number)
        async with running(bench, store, app):
            await bench.until(lambda: len(bench.having("Executing")) >= 4)
            at_once = len(bench.having("Executing")) - len(bench.having("Executed"))
            await bench.until(lambda: len(bench.having("(Succeeded")) == 8)
        return at_once

    assert 4 <= run(work()) <= 6


def test_binary_of_48_kb(bench, run, store):
    body = os.urandom(48 * 1024 - 1)
    source = f"""
from base64 import b64decode
from hashlib import sha256
def fulfil(data, metadata):
    print(json.dumps({{"sha": sha256(b64decode(data["message"])).hexdigest()}}), flush=True)
    return {{"out": data["message"]}}
{SERVE}"""
    out = {"name": "out", "type": "queue", "direction": "out", "queueName": f"{store.name}-out"}
    app = bench.app(source, {"fulfil": [*store.trigger(dataType="binary"), out]})

    async def work():
        await store.queues.put(store.name, body)
        async with running(bench, store, app):
            await bench.until(lambda: bench.having("(Succeeded"))
        return await store.left(f"{store.name}-out")

    from hashlib import sha256

    (found,) = run(work())
    assert bench.told() == [{"sha": sha256(body).hexdigest()}]
    assert found.body(encoded=True) == body


def test_of_binary_messages_no_field_is_promoted(bench, run, store):
    app = bench.app(
        f"def work(data, metadata): return None\n{HEAD}{SERVE}", {"fulfil": store.trigger(dataType="binary")}
    )

    async def work():
        await store.queues.put(store.name, b'{"Id": "forged", "n": 1}')
        async with running(bench, store, app):
            await bench.until(lambda: bench.having("(Succeeded"))

    run(work())
    (told,) = bench.told()
    assert json.loads(told["metadata"]["Id"]) != "forged"
    assert "n" not in told["metadata"]


def test_outputs(bench, run, store):
    source = f"""
def work(data, metadata):
    return {{"one": "dGVzdA==", "many": ["test", "b"], "blob": "AP8=", "guess": "test", "number": 5}}
{HEAD}{SERVE}"""
    names = {"one": "queue", "many": "queue", "blob": "blob", "guess": "blob", "number": "blob"}
    outputs = [
        {
            "name": name, "type": kind, "direction": "out",
            **({"queueName": store.name + f"-{name}"} if kind == "queue" else {}),
            **({"path": f"{store.name}/in/{name}"} if kind == "blob" else {}),
        }
        for name, kind in names.items()
    ]  # fmt: skip
    app = bench.app(source, {"fulfil": [*store.trigger(), *outputs]})

    async def work():
        await store.queues.put(store.name, b"go")
        async with running(bench, store, app):
            await bench.until(lambda: bench.having("(Succeeded"))
        one = [each.body(encoded=True) for each in await store.left(f"{store.name}-one")]
        many = [each.body(encoded=True) for each in await store.left(f"{store.name}-many")]
        blobs = [
            (await store.blobs.read(f"{store.name}/in/{name}"))[0] for name in ("blob", "guess", "number")
        ]
        return one, sorted(many), blobs

    one, many, (blob, guess, number) = run(work())
    assert one == [b"test"]
    assert many == [b"b", b"test"]
    # "test" is base64, so the host writes three bytes: the reference's trap.
    assert (blob, guess, number) == (b"\x00\xff", b"\xb5\xeb-", b"\x05\x00\x00\x00")


def test_an_output_that_cannot_be_written_fails_the_message(bench, run, store):
    out = {"name": "out", "type": "blob", "direction": "out", "path": f"{store.name}/x"}
    source = f"def work(data, metadata): return {{'out': '2024-04-06T15:30:00Z'}}\n{HEAD}{SERVE}"
    app = bench.app(
        source, {"fulfil": [*store.trigger(), out]}, extensions={"queues": {"maxDequeueCount": 1}}
    )

    async def work():
        await store.queues.put(store.name, b"go")
        async with running(bench, store, app):
            return await poisoned(bench, store)

    assert len(run(work())) == 1
    assert bench.having("looks like a date")


def blob_trigger(store, source="LogsAndContainerScan", **keys):
    path = f"{store.name}/in/{{name}}.txt"
    return [
        {"name": "blob", "type": "blobTrigger", "direction": "in", "path": path, "source": source, **keys}
    ]


def test_blobs(bench, run, store):
    app = bench.app(f"def work(data, metadata): return None\n{HEAD}{SERVE}", {"fulfil": blob_trigger(store)})

    async def work():
        await store.blobs.put(f"{store.name}/in/a b.txt", b'{"Uri": "forged"}')
        await store.blobs.put(f"{store.name}/in/other.png", b"x")
        async with running(bench, store, app):
            await bench.until(lambda: len(bench.told()) == 1)
            await store.blobs.put(f"{store.name}/in/new.txt", "ü".encode())
            await bench.until(lambda: len(bench.told()) == 2)
            await store.blobs.put(f"{store.name}/in/new.txt", b"changed")
            await bench.until(lambda: len(bench.told()) == 3)
            await asyncio.sleep(0.5)

    run(work())
    first, second, third = bench.told()
    assert json.loads(first["data"]["blob"]) == '{"Uri": "forged"}'
    assert (first["metadata"]["name"], first["metadata"]["Uri"]) == ('"a b"', '"forged"')
    assert json.loads(second["data"]["blob"]) == "ü"
    assert json.loads(second["metadata"]["Uri"]).endswith(f"/{store.name}/in/new.txt")
    assert json.loads(third["data"]["blob"]) == "changed"


def test_blobs_of_event_grid_binary_and_deferred(bench, run, store):
    functions = {
        "fulfil": blob_trigger(store, "EventGrid", dataType="binary"),
        "later": blob_trigger(store, "EventGrid", properties={"supportsDeferredBinding": True}),
    }
    source = f"def work(data, metadata): return None\n{HEAD}functions(fulfil=fulfil, later=fulfil)"
    app = bench.app(source, functions)

    async def work():
        await store.blobs.put(f"{store.name}/in/old.txt", b"old")
        async with running(bench, store, app):
            await asyncio.sleep(0.6)
            await store.blobs.put(f"{store.name}/in/new.txt", b"\xff\x00")
            await bench.until(lambda: len(bench.told()) == 2)

    run(work())
    values = [each["data"]["blob"] for each in bench.told()]
    (reference,) = [value for value in values if isinstance(value, dict)]
    assert b64encode(b"\xff\x00").decode() in values
    assert reference["Source"] == "AzureStorageBlobs"
    assert list(reference["Content"]) == ["IsEmpty", "Length", "MediaType"]


def test_a_blob_that_fails_five_times_is_told_of(bench, run, store):
    app = bench.app(
        f"def work(data, metadata): raise ValueError\n{HEAD}{SERVE}", {"fulfil": blob_trigger(store)}
    )

    async def work():
        await store.blobs.put(f"{store.name}/in/bad.txt", b"x")
        async with running(bench, store, app):
            await bench.until(lambda: bench.having("webjobs-blobtrigger-poison"))
            await asyncio.sleep(0.3)
        found = await store.queues.take("webjobs-blobtrigger-poison", 32, 1)
        return [json.loads(each.body(encoded=True)) for each in found]

    told = run(work())
    assert len(bench.told()) == 5
    assert any(each["ContainerName"] == store.name and each["BlobName"] == "in/bad.txt" for each in told)


def test_without_a_connection_nothing_is_polled(bench, run):
    functions = {
        "fulfil": [{"name": "m", "type": "queueTrigger", "direction": "in", "queueName": "orders"}],
        "hear": [{"name": "m", "type": "serviceBusTrigger", "direction": "in", "queueName": "x"}],
    }
    app = bench.app(f"def work(data, metadata): return None\n{HEAD}{SERVE}", functions)

    async def work():
        async with bench.running(app):
            await bench.until(lambda: bench.having("is not polled"))

    run(work())
    assert bench.having(
        "orders is not polled for fulfil: add --env AzureWebJobsStorage=UseDevelopmentStorage=true"
    )
    assert bench.having("nothing here feeds hear (servicebustrigger)")


def test_an_account_that_cannot_be_reached(bench, run):
    from tests.ports import free_port

    place = f"http://127.0.0.1:{free_port()}/a"
    told = f"AccountName=a;AccountKey=aGk=;QueueEndpoint={place};BlobEndpoint={place}"
    functions = {"fulfil": [{"name": "m", "type": "queueTrigger", "direction": "in", "queueName": "orders"}]}
    app = bench.app(f"def work(data, metadata): return None\n{HEAD}{SERVE}", functions)

    async def work():
        async with bench.running(app, environment={"AzureWebJobsStorage": told}):
            await bench.until(lambda: bench.having("cannot be reached"))

    run(work())


def test_connection_strings():
    local = account("x", "UseDevelopmentStorage=true")
    assert (local.name, local.queues) == ("devstoreaccount1", "http://127.0.0.1:10001/devstoreaccount1")
    cloud = account(
        "x", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=aGk=;EndpointSuffix=core.windows.net"
    )
    assert (cloud.blobs, cloud.key) == ("https://a.blob.core.windows.net", "aGk=")
    signed = account(
        "x", "BlobEndpoint=https://b/;QueueEndpoint=https://q/;SharedAccessSignature=?sv=1&sig=x"
    )
    assert (signed.queues, signed.signature) == ("https://q", "sv=1&sig=x")
    with pytest.raises(UsageError, match="the app setting MY is no connection string"):
        account("MY", "nonsense")
