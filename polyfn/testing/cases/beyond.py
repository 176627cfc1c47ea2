"""What goes beyond one event and one answer: streaming, concurrency, deferred work, the end of a process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from polyfn.testing import calling
from polyfn.testing.case import Case, Comparison, GoldenError, Line
from polyfn.toolchain.provider import Capability

if TYPE_CHECKING:
    from polyfn.testing.stage import Stage

#: Golden streams wait this long between their two lines, in seconds; half of it tells a stream from none.
_PAUSE = 0.6


async def _streams(stage: Stage, function: str, path: str) -> None:
    """One front that streams is enough: which do is for the provider's settings."""
    from httpx import AsyncClient

    waits = []
    for front in stage.dialect.fronts:
        scene = await stage.scene(function, front)
        url = scene.emulator.url.rstrip("/") + path
        loop = asyncio.get_running_loop()
        async with (
            AsyncClient(timeout=20, trust_env=False) as client,
            client.stream("GET", url) as answer,
        ):
            came = [(loop.time(), piece) async for piece in answer.aiter_raw()]
        found = Comparison(f"{function} through {front.name}")
        found.same("the status", answer.status_code, 200)
        found.same("the body", b"".join(piece for _, piece in came), b"one\ntwo\n")
        found.close()
        waits.append(came[-1][0] - came[0][0])
    if max(waits) < _PAUSE / 2:
        raise GoldenError(f"{function}: no front sends what a function yields before its end")


async def _sync(stage: Stage) -> None:
    await _streams(stage, "counted", "/golden/stream")


async def _async(stage: Stage) -> None:
    await _streams(stage, "counted_async", "/golden/stream-async")


async def _together(stage: Stage) -> None:
    from httpx import AsyncClient

    scene = await stage.scene("together")
    url = scene.emulator.url.rstrip("/") + "/golden/together"
    async with AsyncClient(timeout=20, trust_env=False) as client:
        answers = await asyncio.gather(client.get(url), client.get(url))
    found = Comparison("two requests at once")
    found.same("the answers", [answer.json() for answer in answers], [{"met": 2}] * 2)
    found.close()


async def _stops(stage: Stage) -> None:
    """The artifact is served by an emulator of this case's own, which is then stopped."""
    from polyfn.events import Event

    keeper = await stage.alone("echoed")
    try:
        scene = await keeper.scene()
        [form, *_] = stage.dialect.forms(stage.entry("echoed"), [Event(payload={})])
        await scene.invoke(form.deliveries[0])
        scene.lines.clear()
    finally:
        await keeper.close()
    found = Comparison("the end of the process")
    stopped = Line(None, "golden: stopped", inside=False)
    found.lines(await scene.wait_for_lines(1), [stopped], "echoed", several=stage.provider.several)
    found.close()


CASES = (
    Case("http-streaming", Capability.HTTP_STREAMING, _sync, (Capability.HTTP,)),
    Case("http-streaming-async", Capability.HTTP_STREAMING, _async, (Capability.HTTP,)),
    calling.case("defer", "deferring", {}, "replied", lines=(Line("INFO", "deferred work was done"),),
                 capability=Capability.DEFER, also=(Capability.CALL,)),
    Case("stop-hooks", Capability.STOP_HOOKS, _stops, (Capability.CALL,)),
    Case("concurrency", Capability.CONCURRENCY, _together, (Capability.HTTP,)),
)  # fmt: skip
