"""The finished container's own entrypoint under load, at its end, and with what it must refuse."""

import asyncio
import contextlib
import json
import time

import pytest

from tests import container

# Packaging installs the server.
pytestmark = pytest.mark.timeout(300)

SOURCE = """
    import asyncio

    import polyfn
    from polyfn import Event, Events, Http


    @polyfn.function(Http("GET", "/slow"))
    async def slow() -> dict:
        await asyncio.sleep(1)
        return {"done": True}


    @polyfn.function(Http("GET", "/quick"))
    async def quick() -> dict:
        await asyncio.sleep(0.02)
        return {"done": True}


    @polyfn.function(Events("shop.*"))
    def took(event: Event[dict]) -> None:
        event.data
    """
DONE = b'{"done":true}'


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    return container.packaged(folder, SOURCE, "concurrency = 1000", folder / "cache")


@pytest.fixture
def service(image, tmp_path):
    with container.running(image, tmp_path / "log") as running:
        yield running


async def answer(reader):
    """Read one whole reply: its status and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    [length] = [int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")] or [0]
    return int(head.split()[1]), await reader.readexactly(length), "connection: close" in lines


async def ask(port, request, *, wait=30):
    """Make one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return (await asyncio.wait_for(answer(reader), wait))[:2]
    finally:
        writer.close()


def get(path):
    return f"GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n".encode()


def post(body, **headers):
    told = {"content-length": str(len(body)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"POST /took HTTP/1.1\r\nhost: shop\r\n{lines}\r\n".encode() + body


async def client(port, served):
    """Ask on one connection until the service ends it; note what came of every request."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return
    with contextlib.closing(writer):
        while True:
            writer.write(get("/quick"))
            # A reply that breaks off, or a connection that ends without asking for it, is a lost request.
            status, body, last = await answer(reader)
            served.append((status, body))
            if last:
                return


def test_a_signal_under_load_loses_no_request(service):
    async def work():
        served = []
        clients = [asyncio.create_task(client(service.port, served)) for _ in range(50)]
        await asyncio.sleep(2)
        before = len(served)
        began = time.monotonic()
        service.terminate()
        lost = [one for one in await asyncio.gather(*clients, return_exceptions=True) if one is not None]
        status = await asyncio.to_thread(service.process.wait, 15)
        return served, before, lost, status, time.monotonic() - began

    served, before, lost, status, took = asyncio.run(asyncio.wait_for(work(), 40))
    assert before > 50
    assert lost == []
    assert set(served) == {(200, DONE)}
    assert status == 0, service.log
    assert took < 10


def test_a_thousand_slow_requests_at_once(service):
    async def work():
        began = time.monotonic()
        told = await asyncio.gather(*(ask(service.port, get("/slow")) for _ in range(1000)))
        return set(told), time.monotonic() - began

    told, took = asyncio.run(asyncio.wait_for(work(), 60))
    assert told == {(200, DONE)}
    # One after the other they would take 1,000 seconds.
    assert took < 20


EVENT = {"specversion": "1.0", "id": "1", "source": "secret", "type": "shop.sold"}
STRUCTURED = {"content_type": "application/cloudevents+json"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (post(b"{", **STRUCTURED), 400),
        (post(json.dumps({**EVENT, "specversion": "9"}).encode(), **STRUCTURED), 400),
        (post(b'{"id": "secret"}', **STRUCTURED), 400),
        (post(json.dumps({**EVENT, "data_base64": "secret!"}).encode(), **STRUCTURED), 400),
        (post(b"{}", ce_id="secret"), 400),
        (post(b"{}", content_type="application/cloudevents+avro"), 415),
        (post(b'{"message": {"data": "secret!"}, "subscription": "s"}'), 400),
        (b"GET /quick HTTP/1.1\r\nhost: shop\r\nx-huge: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (b"secret\r\n\r\n", 400),
    ],
)
def test_what_is_refused(image, refusing, request_, expected):
    async def work():
        return await ask(refusing.port, request_), await ask(refusing.port, get("/quick"))

    (status, body), following = asyncio.run(asyncio.wait_for(work(), 30))
    assert status == expected
    assert not [word for word in (b"secret", b"Traceback", b"Error", b"polyfn") if word in body]
    assert following == (200, DONE)


def test_a_body_that_stops(refusing):
    """It is given up after 20 seconds, and the others are served meanwhile."""

    async def work():
        stopped = post(b"{}", content_type="application/json").replace(b"length: 2", b"length: 9")
        waiting = asyncio.create_task(ask(refusing.port, stopped))
        await asyncio.sleep(0.5)
        following = await ask(refusing.port, get("/quick"))
        assert not waiting.done()
        return following, await waiting

    following, (status, body) = asyncio.run(asyncio.wait_for(work(), 40))
    assert following == (200, DONE)
    assert status == 408
    assert b"Error" not in body


@pytest.fixture(scope="module")
def refusing(image, tmp_path_factory):
    with container.running(image, tmp_path_factory.mktemp("refusing") / "log") as running:
        yield running
