"""A limit is asyncio's timeout, but for the timer."""

import asyncio
import time

import pytest

from polyfn.runtime import patience
from polyfn.runtime.patience import PATIENCE, Limit


async def end_in(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def test_what_ends_in_time_leaves_no_timer() -> None:
    async def many() -> list[bool]:
        limits = [Limit(await end_in(60)) for _ in range(100)]
        for limit in limits:
            with limit:
                await asyncio.sleep(0)
        assert not any(patience.of(asyncio.get_running_loop())._young)
        return [limit.expired or limit._timer is not None for limit in limits]

    assert not any(asyncio.run(many()))


@pytest.mark.parametrize("seconds", [0, 0.05, 12 * PATIENCE])
def test_what_takes_too_long_is_cancelled(seconds: float) -> None:
    async def late() -> bool:
        limit = Limit(await end_in(seconds))
        try:
            with limit:
                await asyncio.sleep(30)
        except TimeoutError:
            assert not asyncio.current_task().cancelling()  # type: ignore[union-attr]
            return limit.expired
        return False

    begun = time.monotonic()
    assert asyncio.run(late())
    assert seconds - 0.01 <= time.monotonic() - begun < seconds + 1


def test_a_limit_may_be_moved_and_may_be_none() -> None:
    async def moved() -> None:
        with Limit(await end_in(0.05)) as limit:
            limit.move(await end_in(20))
            await asyncio.sleep(0.1)
        with Limit(None) as limit:
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), Limit(await end_in(20)) as limit:
            await asyncio.sleep(3 * PATIENCE)
            limit.move(await end_in(0))
            await asyncio.sleep(20)

    asyncio.run(moved())


def test_a_cancellation_from_outside_stays_one() -> None:
    async def outer() -> None:
        async def inner() -> None:
            with Limit(await end_in(30)):
                await asyncio.sleep(30)

        task = asyncio.create_task(inner())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(outer())


def test_a_timeout_of_ones_own_and_other_errors_pass() -> None:
    async def raising(error: Exception) -> None:
        limit = Limit(await end_in(30))
        with pytest.raises(type(error)), limit:
            raise error
        assert not limit.expired

    asyncio.run(raising(TimeoutError()))
    asyncio.run(raising(ValueError()))
