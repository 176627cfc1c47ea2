"""Start hooks, resources and stop hooks: each once, in order, and safe from each other."""

import asyncio
import io
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import polyfn
from polyfn import lifecycle
from polyfn.errors import DeclarationError
from polyfn.runtime import aio


def test_hooks_run_in_their_order() -> None:
    log: list[str] = []

    @polyfn.on_start
    def one() -> None:
        log.append("start 1")

    @polyfn.on_start
    async def two() -> None:
        await asyncio.sleep(0)
        log.append("start 2")

    @polyfn.on_stop
    async def three() -> None:
        log.append("stop 1")

    @polyfn.on_stop
    def four() -> None:
        log.append("stop 2")

    lifecycle.start()
    assert log == ["start 1", "start 2"]
    lifecycle.stop()
    lifecycle.stop()
    assert log == ["start 1", "start 2", "stop 2", "stop 1"]


def test_a_hook_is_given_back_as_it_is() -> None:
    def hook() -> None: ...

    assert polyfn.on_start(hook) is hook
    assert polyfn.on_stop(hook) is hook


def test_what_a_start_hook_raises_ends_the_start() -> None:
    @polyfn.on_start
    def broken() -> None:
        raise ValueError("no database")

    polyfn.on_start(lambda: pytest.fail("must not run"))
    with pytest.raises(ValueError, match="no database"):
        lifecycle.start()


def test_stop_goes_on_whatever_fails(lines: list[Any]) -> None:
    log: list[str] = []
    polyfn.on_stop(lambda: log.append("first declared"))

    @polyfn.on_stop
    async def broken() -> None:
        raise ValueError("no")

    class Thing:
        def close(self) -> None:
            raise OSError("gone")

    class Other:
        def close(self) -> None:
            log.append("closed")

    first, second = polyfn.resource(Other), polyfn.resource(Thing)
    first(), second()
    lifecycle.stop()
    assert log == ["first declared", "closed"]
    assert [(level, message, str(error)) for level, message, error, _ in lines] == [
        ("ERROR", "stop hook 'broken' failed", "no"),
        ("ERROR", "closing resource 'Thing' failed", "gone"),
    ]


def test_needs_stop_tells_whether_the_platform_must_be_asked() -> None:
    assert not lifecycle.needs_stop()
    polyfn.on_start(lambda: None)
    assert not lifecycle.needs_stop()
    assert lifecycle.counts() == (1, 0)
    polyfn.resource(object)
    assert lifecycle.needs_stop()
    polyfn.on_stop(lambda: None)
    assert lifecycle.counts() == (1, 2)


class Thing:
    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def counted() -> None:
    Thing.made = 0


def test_a_resource_is_made_on_first_use_and_once() -> None:
    thing = polyfn.resource(Thing)
    assert Thing.made == 0
    made = thing()
    assert thing() is made
    assert Thing.made == 1
    lifecycle.stop()
    assert made.closed
    assert thing() is not made


def test_a_generator_factory_cleans_up_after_its_yield() -> None:
    log: list[str] = []

    @polyfn.resource
    def thing() -> Iterator[str]:
        log.append("made")
        yield "thing"
        log.append("cleaned")

    assert (thing(), thing(), log) == ("thing", "thing", ["made"])
    lifecycle.stop()
    assert log == ["made", "cleaned"]


def test_an_async_factory_gives_an_awaitable() -> None:
    class AsyncThing(Thing):
        async def aclose(self) -> None:
            await asyncio.sleep(0)
            self.closed = True

    @polyfn.resource
    async def thing() -> AsyncThing:
        await asyncio.sleep(0)
        return AsyncThing()

    async def use() -> AsyncThing:
        return await thing()

    made = aio.run(use())
    assert aio.run(use()) is made
    lifecycle.stop()
    assert made.closed


def test_an_async_generator_factory_cleans_up_after_its_yield() -> None:
    log: list[str] = []

    @polyfn.resource
    async def thing() -> AsyncIterator[str]:
        log.append("made")
        yield "thing"
        await asyncio.sleep(0)
        log.append("cleaned")

    async def use() -> list[str]:
        return [await thing(), await thing()]

    assert aio.run(use()) == ["thing", "thing"]
    lifecycle.stop()
    assert log == ["made", "cleaned"]


def test_a_close_that_is_async_is_awaited() -> None:
    log: list[str] = []

    class Session:
        async def close(self) -> None:
            log.append("closed")

    polyfn.resource(Session)()
    lifecycle.stop()
    assert log == ["closed"]


def test_resources_close_last_made_first() -> None:
    log: list[str] = []

    def named(name: str) -> Any:
        class Named:
            def close(self) -> None:
                log.append(name)

        return polyfn.resource(Named)

    one, two, three = named("one"), named("two"), named("three")
    three(), one(), two()
    lifecycle.stop()
    assert log == ["two", "one", "three"]


def test_hooks_may_still_use_the_resources_when_they_stop() -> None:
    thing = polyfn.resource(Thing)
    made = thing()
    seen: list[bool] = []
    polyfn.on_stop(lambda: seen.append(thing().closed))
    lifecycle.stop()
    assert (seen, made.closed) == ([False], True)


@pytest.mark.parametrize("value", [None, 0, "", [], io.StringIO("a\nb\n"), iter([1, 2]), (n for n in ())])
def test_a_thing_may_be_anything_even_an_iterator(value: Any) -> None:
    class Reader:
        """Files, cursors and consumers: iterators with a close, and still the thing itself."""

        def __init__(self) -> None:
            self.lines = iter(["a", "b"])

        def __iter__(self) -> "Reader":
            return self

        def __next__(self) -> str:
            return next(self.lines)

        def __aiter__(self) -> "Reader":
            return self

        async def __anext__(self) -> str:
            return next(self)

        def close(self) -> None: ...

    reader = Reader()
    assert polyfn.resource(lambda: reader)() is reader
    if type(value).__name__ != "generator":
        thing = polyfn.resource(lambda: value)
        assert thing() is value
        assert thing() is value


def test_a_factory_that_yields_nothing_is_a_clear_error() -> None:
    @polyfn.resource
    def nothing() -> Iterator[int]:
        yield from ()

    @polyfn.resource
    async def never() -> AsyncIterator[int]:
        for number in ():
            yield number

    async def use() -> int:
        return await never()

    with pytest.raises(DeclarationError, match="'nothing': its factory ended without a yield"):
        nothing()
    with pytest.raises(DeclarationError, match="'never': its factory ended without a yield"):
        aio.run(use())


def test_threads_that_ask_at_once_get_one_thing() -> None:
    @polyfn.resource
    def slow() -> Thing:
        time.sleep(0.02)
        return Thing()

    got: list[Thing] = []
    threads = [threading.Thread(target=lambda: got.append(slow())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Thing.made == 1
    assert len(set(map(id, got))) == 1
    assert len(got) == 8


@pytest.mark.parametrize("pauses", [0, 1, 3])
def test_tasks_that_ask_at_once_get_one_thing(pauses: int) -> None:
    calls: list[int] = []

    @polyfn.resource
    async def slow() -> Thing:
        calls.append(1)
        for _ in range(pauses):
            await asyncio.sleep(0)
        return Thing()

    async def use(after: int) -> Thing:
        # Some ask in the very step in which the making ends.
        for _ in range(after):
            await asyncio.sleep(0)
        return await slow()

    async def every() -> list[Thing]:
        return await asyncio.gather(*(use(after) for after in range(8) for _ in range(3)))

    assert len(set(map(id, aio.run(every())))) == 1
    assert (Thing.made, len(calls)) == (1, 1)


def test_a_failed_factory_can_be_tried_again() -> None:
    attempts: list[int] = []

    def attempt() -> int:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        return len(attempts)

    @polyfn.resource
    def plain() -> int:
        return attempt()

    @polyfn.resource
    def generator() -> Iterator[int]:
        yield attempt()

    @polyfn.resource
    async def later() -> int:
        await asyncio.sleep(0)
        return attempt()

    @polyfn.resource
    async def chunks() -> AsyncIterator[int]:
        yield attempt()

    async def use(resource: Any) -> Any:
        return await resource()

    for resource in (plain, generator):
        attempts.clear()
        with pytest.raises(OSError, match="not yet"):
            resource()
        assert (resource(), resource()) == (2, 2)
    for shared in (later, chunks):
        attempts.clear()
        with pytest.raises(OSError, match="not yet"):
            aio.run(use(shared))
        assert (aio.run(use(shared)), aio.run(use(shared))) == (2, 2)


def test_who_asked_first_may_be_cancelled_without_the_others() -> None:
    @polyfn.resource
    async def slow() -> Thing:
        await asyncio.sleep(0.01)
        return Thing()

    async def use() -> Thing:
        return await slow()

    async def every() -> Thing:
        first = asyncio.create_task(use())
        second = asyncio.create_task(use())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert isinstance(aio.run(every()), Thing)
    assert Thing.made == 1


def test_an_async_resource_that_a_closed_loop_left_unmade_is_made_in_the_next() -> None:
    @polyfn.resource
    async def slow() -> Thing:
        await asyncio.sleep(0.01)
        return Thing()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await slow()

    async def use() -> Thing:
        return await slow()

    asyncio.run(give_up())
    assert isinstance(aio.run(use()), Thing)


def test_an_async_resource_may_be_asked_for_outside_any_loop() -> None:
    @polyfn.resource
    async def thing() -> int:
        return 3

    asked = thing()

    async def use() -> Any:
        return await asyncio.gather(asked, thing())

    assert aio.run(use()) == [3, 3]


def test_reset_forgets_without_closing() -> None:
    thing = polyfn.resource(Thing)
    made = thing()
    thing.reset()
    assert thing() is not made
    assert not made.closed

    @polyfn.resource
    async def never_awaited() -> None: ...

    never_awaited()
    never_awaited.reset()


def test_a_resource_may_need_another() -> None:
    inner = polyfn.resource(Thing)
    outer = polyfn.resource(lambda: [inner()])
    assert outer() == [inner()]


def test_a_stop_hook_that_exits_keeps_nothing_from_stopping(lines: list[Any]) -> None:
    log: list[str] = []

    class Leaver:
        def close(self) -> None:
            raise SystemExit(1)

    class Other:
        def close(self) -> None:
            log.append("closed")

    polyfn.on_stop(lambda: log.append("hook"))
    polyfn.on_stop(lambda: sys.exit(0))
    for factory in (Other, Leaver):
        polyfn.resource(factory)()
    lifecycle.stop()
    assert log == ["hook", "closed"]
    assert len(lines) == 2
