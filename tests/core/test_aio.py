"""The process's event loop, and async iteration from sync code."""

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from polyfn.errors import DeadlineError
from polyfn.runtime import aio


async def numbers(log: list[Any], count: int = 3) -> AsyncIterator[int]:
    try:
        for number in range(count):
            log.append(asyncio.current_task())
            await asyncio.sleep(0)
            yield number
    finally:
        log.append(asyncio.current_task())


def test_iterate_gives_every_item() -> None:
    assert list(aio.iterate(numbers([], 5))) == [0, 1, 2, 3, 4]
    assert list(aio.iterate(numbers([], 0))) == []


def test_one_task_drives_the_iteration_from_start_to_end() -> None:
    log: list[Any] = []
    list(aio.iterate(numbers(log)))
    assert len(log) == 4
    assert len(set(log)) == 1


def test_a_cancel_scope_may_span_items() -> None:
    async def source() -> AsyncIterator[int]:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(asyncio.sleep(0))
                yield number

    assert list(aio.iterate(source())) == [0, 1, 2]


def test_a_context_variable_keeps_its_value_between_items() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")

    async def source() -> AsyncIterator[int]:
        token = variable.set(1)
        yield variable.get()
        yield variable.get()
        variable.reset(token)

    assert list(aio.iterate(source())) == [1, 1]


def test_closing_early_runs_the_clean_up() -> None:
    log: list[Any] = []
    source = aio.iterate(numbers(log, 100))
    assert next(source) == 0
    source.close()  # type: ignore[attr-defined]
    assert len(set(log)) == 1
    assert len(log) < 6
    assert asyncio.all_tasks(aio.loop()) == set()


def test_an_iterator_that_nobody_began_leaves_nothing_behind() -> None:
    source = aio.iterate(numbers([]))
    source.close()  # type: ignore[attr-defined]


def test_an_async_iterator_need_not_be_a_generator() -> None:
    class Countdown:
        def __init__(self) -> None:
            self.left = 2

        def __aiter__(self) -> "Countdown":
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    assert list(aio.iterate(Countdown())) == [1, 0]


def test_run_refuses_to_nest_and_the_loop_goes_on() -> None:
    async def nested() -> None:
        coroutine = asyncio.sleep(0)
        try:
            aio.run(coroutine)
        finally:
            coroutine.close()

    with pytest.raises(RuntimeError, match="running"):
        aio.run(nested())
    assert aio.run(asyncio.sleep(0, "fine")) == "fine"


def test_threads_take_turns_on_the_loop() -> None:
    results: list[Any] = []

    def work(number: int) -> None:
        results.append((aio.run(asyncio.sleep(0.005, number)), list(aio.iterate(numbers([])))))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(number, [0, 1, 2]) for number in range(8)]


def test_run_takes_any_awaitable() -> None:
    future: asyncio.Future[int] = aio.loop().create_future()
    future.set_result(4)
    assert aio.run(future) == 4


@pytest.mark.parametrize(("left", "least", "most"), [(100, 99.4, 99.5), (1, 0.89, 0.9), (-1, 0, 0)])
def test_the_budget_keeps_a_margin(left: float, least: float, most: float) -> None:
    from time import time

    assert least <= aio.budget(time() + left) <= most


def test_close_cancels_what_runs_and_the_loop_can_be_made_again() -> None:
    log: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            log.append("cancelled")

    async def begin() -> "asyncio.Task[None]":
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        return task

    task = aio.run(begin())
    first = aio.loop()
    aio.close()
    assert (log, task.cancelled(), first.is_closed()) == (["cancelled"], True, True)
    aio.close()
    assert aio.run(asyncio.sleep(0, 1)) == 1
    assert aio.loop() is not first


def test_is_coroutine_knows_coroutines_alone() -> None:
    coroutine = asyncio.sleep(0)
    assert aio.is_coroutine(coroutine)
    coroutine.close()
    assert not aio.is_coroutine(asyncio.sleep)
    assert not aio.is_coroutine(aio.loop().create_future())


@pytest.mark.parametrize("pause", [0.0, 0.01])
def test_a_stream_has_one_budget_and_not_one_per_item(pause: float) -> None:
    async def endless() -> AsyncIterator[int]:
        number = 0
        while True:
            await asyncio.sleep(pause)
            yield (number := number + 1)

    begin = time.time()
    with pytest.raises(DeadlineError, match=r"cancelled after 0\.[34]\d\d s"):
        for _ in aio.iterate(endless(), until=begin + 0.5):
            time.sleep(0.002)
    assert time.time() - begin > 0.3


@pytest.fixture
def serving() -> Iterator[asyncio.AbstractEventLoop]:
    """A thread that runs the process's loop, as a server does."""
    ready = threading.Event()
    stop = asyncio.Event()

    async def until_stopped() -> None:
        ready.set()
        await stop.wait()

    def serve() -> None:
        aio.adopt()
        try:
            aio.loop().run_until_complete(until_stopped())
        finally:
            aio.release()

    loop = aio.loop()
    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(5)
    yield loop
    loop.call_soon_threadsafe(stop.set)
    thread.join(5)


def test_while_a_server_runs_other_threads_have_their_awaitables_run_on_its_loop(serving) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")
    name.set("mine")

    async def where() -> tuple[object, str]:
        await asyncio.sleep(0.01)
        return asyncio.get_running_loop(), name.get()

    async def fail() -> None:
        raise KeyError("k")

    async def cancelled() -> None:
        raise asyncio.CancelledError

    assert aio.run(where()) == (serving, "mine")
    with pytest.raises(KeyError):
        aio.run(fail())
    with pytest.raises(RuntimeError, match="had been cancelled"):
        aio.run(cancelled())
    with pytest.raises(DeadlineError):
        aio.run(asyncio.sleep(30), until=time.time() + 0.1)


def test_an_async_iterator_of_the_servers_loop_is_read_from_a_thread(serving) -> None:
    closed = []

    async def items() -> AsyncIterator[object]:
        try:
            for _ in range(3):
                yield asyncio.get_running_loop()
        finally:
            closed.append(asyncio.get_running_loop())

    assert list(aio.iterate(items())) == [serving] * 3
    some = aio.iterate(items())
    assert next(some) is serving
    some.close()  # type: ignore[attr-defined]
    assert closed == [serving] * 2


def test_the_servers_own_thread_is_refused_while_it_runs(serving) -> None:
    async def inside() -> object:
        return aio.run(asyncio.get_running_loop().create_future())

    with pytest.raises(RuntimeError):
        aio.run(inside())


def test_once_the_server_has_left_the_loop_it_is_everybodys_again() -> None:
    async def where() -> object:
        return asyncio.get_running_loop()

    aio.adopt()
    aio.release()
    assert aio.run(where()) is aio.loop()
