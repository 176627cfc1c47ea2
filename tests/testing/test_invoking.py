"""The test client for users: neutral events in, what the function makes of them out."""

import pytest
from pydantic import BaseModel

import polyfn
from polyfn import Batch, Drop, Event, Message, ObjectChange, Request, Retry, Tick
from polyfn.testing import ainvoke, change, event, invoke, message, request, tick


class Order(BaseModel):
    number: int


def test_a_call_binds_its_payload():
    @polyfn.function
    async def called_1(order: Order):
        return order.number

    assert invoke(called_1, event({"number": "7"})).result == 7


def test_a_generator_gives_what_it_yields():
    @polyfn.function
    def counting(event):
        yield from event["numbers"]

    assert invoke(counting, event({"numbers": [1, 2]})).result == [1, 2]


def test_messages_that_are_to_come_again():
    @polyfn.function(polyfn.Queue("q"))
    async def worked_3(one: Message[Order]):
        if one.data.number == 1:
            raise Retry(after=3)
        if one.data.number == 2:
            raise Drop("never")

    messages = [message({"number": number}, id=str(number)) for number in (0, 1, 2)]
    messages.append(message(b"no json", id="3"))
    assert [one.id for one in invoke(worked_3, *messages).failed] == ["1", "3"]


def test_a_batch():
    @polyfn.function(polyfn.Queue("q"))
    def worked_4(batch: Batch):
        batch.fail("b")

    assert [one.id for one in invoke(worked_4, message(id="a"), message(id="b")).failed] == ["b"]


def test_a_request_and_its_reply():
    @polyfn.function(polyfn.Http("POST", "/orders/{number}"))
    def placed(request: Request[Order]):
        return 201, {"path": request.params["number"], "body": request.data.number, "q": request.query["q"]}

    answer = invoke(placed, request("POST", "/orders/7?q=1", body={"number": 8}))
    assert (answer.status, answer.json()) == (201, {"path": "7", "body": 8, "q": "1"})
    assert answer.headers["content-type"] == "application/json"
    assert invoke(placed, request("POST", "/orders/7", body={"number": "x"})).status == 422
    assert invoke(placed, request("GET", "/orders/7")).status == 405


def test_a_reply_that_is_streamed():
    @polyfn.function(polyfn.Http("GET", "/"))
    async def counted():
        yield "one"
        yield "two"

    assert invoke(counted, request()).body == b"onetwo"


def test_one_event_of_each_other_kind():
    @polyfn.function(polyfn.Schedule("0 6 * * *"))
    def ticked_7(tick: Tick):
        return tick.time.hour

    @polyfn.function(polyfn.Storage("b"))
    def stored(change: ObjectChange):
        return change.bucket, change.key, change.change, change.size

    @polyfn.function(polyfn.Events("made"))
    def happened(event: Event[Order]):
        return event.type, event.data.number

    assert invoke(ticked_7, tick()).result == 6
    assert invoke(stored, change("b", "k", size=3)).result == ("b", "k", "created", 3)
    assert invoke(happened, event({"number": 1}, type="made")).result == ("made", 1)


def test_outcomes_that_nothing_else_could_tell_are_raised():
    @polyfn.function(polyfn.Schedule("0 6 * * *"))
    def ticked_8():
        raise Retry("not yet")

    with pytest.raises(Retry, match="not yet"):
        invoke(ticked_8, tick())


def test_deferred_work_is_done():
    done = []

    @polyfn.function
    def called_9(event, context):
        context.defer(lambda: done.append(len(done)))
        return len(done)

    assert invoke(called_9, event({})).result == 0
    assert done == [0]


async def _inside(function):
    return await ainvoke(function, event({"number": 7}))


def test_inside_a_loop():
    import asyncio

    @polyfn.function
    async def called_11(order: Order):
        await asyncio.sleep(0)
        return order.number

    assert asyncio.run(_inside(called_11)).result == 7


@pytest.mark.parametrize(
    ("trigger", "events", "said"),
    [
        (polyfn.Queue("q"), [event({})], "takes Message"),
        (polyfn.Http("GET", "/"), [event({})], "takes Request"),
        (polyfn.Schedule("0 6 * * *"), [tick(), tick()], "takes one event, not 2"),
    ],
)
def test_what_is_no_event_for_it(trigger, events, said):
    @polyfn.function(trigger)
    def function(event): ...

    with pytest.raises(TypeError, match=said):
        invoke(function, *events)


def test_what_is_no_function():
    with pytest.raises(TypeError, match="decorate it"):
        invoke(lambda: None, event({}))
