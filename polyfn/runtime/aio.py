"""The process's one event loop. asyncio is imported when the first awaitable arrives.

The loop lives as long as the process, so that clients and pools made in one invocation work in the
next, and it runs only inside `run`, so that a sync handler may itself call `asyncio.run`.
"""

from _thread import RLock, get_ident

from polyfn.errors import DeadlineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Iterator
    from typing import Any, TypeVar

    T = TypeVar("T")

#: An async handler is cancelled this many seconds before its deadline, or this share of what it had,
#: whichever is less: it needs time to clean up and the runtime to report.
MARGIN = 0.5
MARGIN_SHARE = 0.1

_loop: "asyncio.AbstractEventLoop | None" = None

#: What makes the loop, where that is not asyncio's own.
factory: "Callable[[], asyncio.AbstractEventLoop] | None" = None

#: The thread in which a server runs the loop, or None: then the loop runs only inside `run`.
_server: int | None = None
#: Tasks of the process: who unwinds an invocation leaves them alone.
kept: "set[asyncio.Task[Any]]" = set()

#: Sync handlers run side by side in threads, and each may bring an awaitable: one at a time has the loop.
_turn = RLock()


def loop() -> "asyncio.AbstractEventLoop":
    """Return the process's event loop, made on first use."""
    global _loop
    if _loop is None or _loop.is_closed():
        import asyncio

        _loop = asyncio.new_event_loop() if factory is None else factory()
    return _loop


def adopt() -> None:
    """Say that this thread is about to run the loop for a server.

    Until `release`, `run` and `iterate` in other threads have their awaitables run there, so that
    what handlers, threads and hooks share has one loop.
    """
    global _server
    loop()
    _server = get_ident()


def release() -> None:
    """Say that the server has left the loop."""
    global _server
    _server = None


def _elsewhere() -> bool:
    return _server is not None and _server != get_ident()


def budget(until: float) -> float:
    """Seconds that work may take which the platform ends at `until` (seconds since the epoch)."""
    from time import time

    left = until - time()
    return max(0.0, left - min(MARGIN, left * MARGIN_SHARE))


def run(awaitable: "Awaitable[T]", *, until: float | None = None) -> "T":
    """Run an awaitable to its end on the process's loop.

    With `until` (seconds since the epoch) it is cancelled a margin before, and DeadlineError is
    raised. A loop that is already running in this thread cannot be used: RuntimeError, as for a
    cancellation that came out of the awaitable itself.

    An awaitable with a method `begin` has its result before its end, and goes on whenever the loop
    runs again: `begin(loop)` starts it and returns a future that is done when `result()` will do, and
    `expire(error)` cancels it.
    """
    seconds = None if until is None or until == float("inf") else budget(until)
    if hasattr(awaitable, "begin") and not _elsewhere() and not _runs_here():
        known: T = _run_until_known(awaitable, seconds)
        return known
    return _run(awaitable, seconds)


def _runs_here() -> bool:
    """Whether this thread runs a loop, which no other can run inside of."""
    import asyncio

    return asyncio._get_running_loop() is not None  # noqa: SLF001  the public one raises


def _run_until_known(work: "Any", seconds: float | None) -> "Any":
    with _turn:
        ours = loop()
        known = work.begin(ours)
        alarm = None if seconds is None else _Alarm(ours, work, known, seconds)
        try:
            ours.run_until_complete(known)
        finally:
            if alarm is not None:
                alarm.cancel()
        return work.result()


class _Alarm:
    """Expires work that takes too long. Work that never waits is done before there is a timer."""

    __slots__ = ("_handle", "_known", "_loop", "_seconds", "_until", "_work")

    def __init__(
        self, loop: "asyncio.AbstractEventLoop", work: "Any", known: "asyncio.Future[None]", seconds: float
    ) -> None:
        self._loop = loop
        self._work = work
        self._known = known
        self._seconds = seconds
        self._until = loop.time() + seconds
        # Runs after the work's first step, whose turn comes before.
        self._handle: asyncio.Handle = loop.call_soon(self._set)

    def _set(self) -> None:
        if not self._known.done():
            self._handle = self._loop.call_at(self._until, self._ring)

    def _ring(self) -> None:
        self._work.expire(too_long(self._seconds))

    def cancel(self) -> None:
        self._handle.cancel()


def _run(awaitable: "Awaitable[T]", seconds: float | None, spent: float = 0.0) -> "T":
    """Run for what is left of `seconds`, of which `spent` are gone; without an end if it is None."""
    work = _awaited(awaitable, seconds, spent)
    if _elsewhere():
        import asyncio

        return asyncio.run_coroutine_threadsafe(work, loop()).result()
    with _turn:
        try:
            return loop().run_until_complete(work)
        except RuntimeError:
            # Where the loop refused, nothing was begun, and what is never begun must be closed.
            work.close()
            raise


async def _awaited(awaitable: "Awaitable[T]", seconds: float | None, spent: float) -> "T":
    import asyncio

    try:
        if seconds is None:
            return await awaitable
        return await _limited(awaitable, seconds, spent)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise cancelled_within() from error


def cancelled_within() -> RuntimeError:
    """Return the error for a handler that let a cancellation out which nobody asked for.

    CancelledError is no Exception, so it would pass for the end of the process.
    """
    return RuntimeError("the handler awaited something that had been cancelled, and did not handle that")


async def _limited(awaitable: "Awaitable[T]", seconds: float, spent: float) -> "T":
    import asyncio

    scope = asyncio.timeout(seconds - spent)
    try:
        async with scope:
            return await awaitable
    except TimeoutError:
        if not scope.expired():
            raise
        raise too_long(seconds) from None


def too_long(seconds: float) -> DeadlineError:
    """Return the error for a handler that was cancelled for its deadline, after that many seconds."""
    return DeadlineError(
        f"the handler was cancelled after {seconds:.3f} s, shortly before its deadline",
        hint="raise the function's timeout, or do less in one invocation",
    )


def iterate(source: "AsyncIterable[T]", *, until: float | None = None) -> "Iterator[T]":
    """Iterate over an async iterable from sync code, one task driving it from start to end.

    One task, because cancel scopes and context variables must not be entered in one and left in
    another. Closing the iterator early cancels the task and waits for its clean-up.
    """
    import asyncio
    from time import monotonic

    # One budget for the whole of it: counted anew for every item, its margin would shrink to nothing.
    seconds = None if until is None or until == float("inf") else budget(until)
    began = monotonic()
    queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(maxsize=1)
    closing = False

    async def pump() -> None:
        try:
            async for item in source:
                await queue.put(("item", item))
        except Exception as error:  # noqa: BLE001  it is raised again where the item was asked for
            await queue.put(("error", error))
        except asyncio.CancelledError:
            if closing:
                raise
            await queue.put(("error", cancelled_within()))
        else:
            await queue.put(("end", None))
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    async def begun() -> "asyncio.Task[None]":
        return asyncio.create_task(pump())

    if _elsewhere():
        task = _run(begun(), None)
    else:
        with _turn:
            task = loop().create_task(pump())
    try:
        while True:
            spent = monotonic() - began
            if seconds is not None and spent >= seconds:
                # An item that is ready is had without waiting, so that no timeout would strike.
                raise too_long(seconds)
            kind, value = _run(queue.get(), seconds, spent)
            if kind == "item":
                yield value
            elif kind == "error":
                raise value
            else:
                return
    finally:
        closing = True
        if _elsewhere():
            _run(_ended(task), None)
        else:
            with _turn:
                loop().run_until_complete(_ended(task))


async def _ended(task: "asyncio.Task[None]") -> None:
    import asyncio

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def close() -> None:
    """Cancel what still runs, shut down async generators and close the loop. It may be used again."""
    global _loop
    if _loop is None or _loop.is_closed():
        _loop = None
        return
    import asyncio

    tasks = asyncio.all_tasks(_loop)
    for task in tasks:
        task.cancel()
    if tasks:
        _loop.run_until_complete(_gathered(tasks))
    _loop.run_until_complete(_loop.shutdown_asyncgens())
    _loop.close()
    _loop = None


async def _gathered(tasks: "set[asyncio.Task[Any]]") -> None:
    import asyncio

    await asyncio.gather(*tasks, return_exceptions=True)


def keep(tasks: "Iterable[asyncio.Task[Any]]") -> None:
    """Have tasks outlive the invocations, until they end or the loop is closed."""
    for task in tasks:
        kept.add(task)
        task.add_done_callback(kept.discard)


def is_coroutine(value: object) -> bool:
    """Whether a value is the coroutine object of an `async def`."""
    return type(value) is _Coroutine


def _coroutine_type() -> type:
    # types.CoroutineType without importing types.
    async def nothing() -> None: ...

    made: Coroutine[Any, Any, None] = nothing()
    made.close()
    return type(made)


_Coroutine = _coroutine_type()
