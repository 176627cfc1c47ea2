"""The finished container, and Google's own Pub/Sub emulator that pushes to it."""

import base64
import contextlib
import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests import container, pubsub

# Packaging installs the server.
pytestmark = pytest.mark.timeout(300)

SOURCE = """
    import base64
    import json
    from dataclasses import dataclass

    import polyfn
    from polyfn import Drop, Message, Retry, Topic

    seen = {}


    @dataclass
    class Order:
        id: str
        do: str = "return"
        times: int = 0


    def record(message, data):
        times = seen[message.id] = seen.get(message.id, 0) + 1
        told = {
            "data": data,
            "times": times,
            "id": message.id,
            "source": message.source,
            "time": message.time.isoformat(),
            "attributes": dict(message.attributes),
            "key": message.key,
            "attempt": message.attempt,
            "told_key": message.native["message"].get("orderingKey"),
            "told_attempt": message.native.get("deliveryAttempt"),
        }
        print("SAW " + json.dumps(told), flush=True)
        return times


    @polyfn.function(Topic("orders"))
    def order(message: Message[Order]) -> None:
        order = message.data
        assert type(order) is Order
        times = record(message, [order.id, order.do, order.times])
        if order.do == "drop":
            raise Drop("not wanted")
        if times <= order.times:
            raise Retry(after=1) if order.do == "retry" else ValueError("not yet")


    @polyfn.function(Topic("images"))
    async def image(message: Message[bytes]) -> None:
        record(message, base64.b64encode(message.data).decode())
    """
#: What the log has of a payload that does not fit.
MISFIT = "message failed: PayloadError"


def saw(service, data):
    """What the functions recorded of messages with this data."""
    lines = [line.partition("SAW ")[2] for line in service.log.splitlines() if line.startswith("SAW {")]
    return [told for told in map(json.loads, lines) if told["data"] == data]


def until(service, condition, seconds=25):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, service.log
        time.sleep(0.05)


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Packages the project with a setting of `poison` and runs the image, once for each setting."""
    folder = tmp_path_factory.mktemp("pubsub")
    running = {}
    with contextlib.ExitStack() as stack:

        def start(poison):
            if poison not in running:
                place = folder / poison
                image = container.packaged(place, SOURCE, f'poison = "{poison}"', folder / "cache")
                running[poison] = stack.enter_context(container.running(image, place / "log"))
            return running[poison]

        yield start


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with pubsub.running(tmp_path_factory.mktemp("emulator") / "log") as running:
        yield running


@pytest.fixture
def connect(emulator, serve):
    """Makes a topic of this test's own whose messages are pushed to a path of the container."""
    with contextlib.ExitStack() as stack:

        def made(path="/order", poison="retry", **more):
            service = serve(poison)
            name = f"t-{uuid.uuid4().hex}"
            emulator.topic(name)
            emulator.push(name, name, service.url.rstrip("/") + path, **more)
            stack.callback(emulator.unsubscribe, name)
            return service, name

        yield made


def order(**of):
    return json.dumps(of).encode()


def test_what_succeeds_is_delivered_once_and_intact(connect, emulator):
    service, topic = connect(enableMessageOrdering=True)
    before = datetime.now(UTC)
    id_ = emulator.publish(topic, order(id="a"), {"who": "Ada", "what": "wörld ✓"}, key="customer-7")
    told = ["a", "return", 0]
    until(service, lambda: saw(service, told))
    # Longer than the emulator would wait before it sent it again.
    time.sleep(4)
    [seen] = saw(service, told)
    assert seen["id"] == id_
    assert seen["source"] == f"projects/polyfn/subscriptions/{topic}"
    assert seen["attributes"] == {"who": "Ada", "what": "wörld ✓"}
    # Version 0.8.20 of the emulator pushes neither ordering key nor attempt, whatever a subscription says.
    assert (seen["key"], seen["attempt"]) == (seen["told_key"], seen["told_attempt"])
    moment = datetime.fromisoformat(seen["time"])
    assert before - timedelta(seconds=2) < moment < before + timedelta(seconds=30)


@pytest.mark.parametrize("outcome", ["retry", "fail"])
def test_what_fails_is_delivered_until_it_succeeds(outcome, connect, emulator):
    service, topic = connect()
    id_ = emulator.publish(topic, order(id="b", do=outcome, times=2))
    told = ["b", outcome, 2]
    until(service, lambda: len(saw(service, told)) >= 3)
    time.sleep(4)
    seen = saw(service, told)
    assert [one["times"] for one in seen] == [1, 2, 3]
    assert {one["id"] for one in seen} == {id_}


def test_what_is_dropped_is_not_seen_again(connect, emulator):
    service, topic = connect()
    emulator.publish(topic, order(id="c", do="drop"))
    told = ["c", "drop", 0]
    until(service, lambda: saw(service, told))
    time.sleep(4)
    assert len(saw(service, told)) == 1


def test_what_does_not_fit_is_sent_again(connect, emulator):
    service, topic = connect()
    before = service.log.count(MISFIT)
    emulator.publish(topic, b'{"id": ["no", "text"]}')
    until(service, lambda: service.log.count(MISFIT) >= before + 2)
    # The others are not held up by it.
    emulator.publish(topic, order(id="e"))
    until(service, lambda: saw(service, ["e", "return", 0]))


def test_what_does_not_fit_is_given_up_where_that_is_set(connect, emulator):
    service, topic = connect(poison="drop")
    emulator.publish(topic, b"no JSON at all")
    until(service, lambda: "given up" in service.log)
    time.sleep(4)
    assert service.log.count("given up") == 1


def test_bytes_are_left_alone(connect, emulator):
    service, topic = connect("/image")
    data = bytes(range(256)) * 300
    emulator.publish(topic, data)
    told = base64.b64encode(data).decode()
    until(service, lambda: saw(service, told))


def test_at_the_root_a_subscription_finds_its_function_by_its_name(connect, emulator, serve):
    service = serve("retry")
    emulator.topic("images")
    emulator.push("images", "images", service.url)
    try:
        emulator.publish("images", b"\xff\x00")
        until(service, lambda: saw(service, "/wA="))
    finally:
        emulator.unsubscribe("images")
