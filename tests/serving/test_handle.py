"""Calling a handler for what it does, from a running loop."""

import asyncio
import threading

import pytest

from polyfn import Events
from polyfn.context import Context
from polyfn.events import Event
from polyfn.functions import Declaration
from polyfn.invoke import Invoker
from polyfn.runtime import serving, threads


@pytest.fixture(params=[True, False], ids=["on the loop", "in a thread"])
def handle(request):
    def run(handler):
        context = Context(request_id="r", function="service", provider="p")
        invoker = Invoker(Declaration("f", Events(), handler))
        asyncio.run(serving.handle(invoker, Event(raw=b"1"), context))
        return context

    threads.use(1, on_loop=request.param)
    yield run
    threads.use(threads.LIMIT)


def test_every_style_runs_to_its_end(handle):
    ran = []

    def sync(event):
        ran.append(event)

    async def later(event):
        await asyncio.sleep(0)
        ran.append(event)

    def pieces(event):
        yield 0
        ran.append(event)

    async def later_pieces(event):
        yield 0
        ran.append(event)

    def wrapper(event):
        return later(event)

    def wrapped_pieces(event):
        return later_pieces(event)

    for handler in (sync, later, pieces, later_pieces, wrapper, wrapped_pieces):
        assert handle(handler).function == "f"
    assert ran == [1] * 6


@pytest.mark.parametrize(
    "error", [ValueError("x"), asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt()]
)
@pytest.mark.parametrize("style", ["sync", "async"])
def test_what_is_raised_is_raised(handle, error, style):
    def sync():
        raise error

    async def later():
        raise error

    with pytest.raises(ValueError if isinstance(error, ValueError) else RuntimeError) as raised:
        handle(sync if style == "sync" else later)
    assert (
        raised.value is error or type(error).__name__ in str(raised.value) or "cancelled" in str(raised.value)
    )


def test_a_cancellation_from_outside_goes_through():
    begun = threading.Event()

    async def endless():
        begun.set()
        await asyncio.sleep(60)

    async def main():
        invoker = Invoker(Declaration("f", Events(), endless))
        context = Context(request_id="r", function="f", provider="p")
        task = asyncio.create_task(serving.handle(invoker, Event(raw=b"1"), context))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
