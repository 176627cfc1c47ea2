"""The threads that sync handlers run in, so that they never hold up the loop.

A handler stays in one thread from its call to its stream's last item: locks, connections and
thread-local state must not be left in another. Its context variables are those of its request.
"""

from _contextvars import copy_context
from _queue import SimpleQueue
from _thread import start_new_thread
from asyncio import get_running_loop
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable
    from typing import Any

    from polyfn.runtime import replies

#: How many threads there are at most, unless a setting says so.
LIMIT = 80


class Pool:
    """At most `limit` threads, made when they are needed. All methods but `post` belong to the loop.

    They are daemons of a kind: nothing waits for them when the process ends, for a thread cannot
    be stopped. `busy` counts those that work, and the work that waits for one.
    """

    __slots__ = ("_limit", "_loop", "_results", "_started", "_woken", "_work", "busy")

    def __init__(self, limit: int, loop: "AbstractEventLoop") -> None:
        self._limit = limit
        self._loop = loop
        self._started = 0
        self.busy = 0
        self._work: SimpleQueue[Work] = SimpleQueue()
        self._results: deque[tuple[Work, bool, Any, bool]] = deque()
        self._woken = False

    def submit(self, work: "Work") -> None:
        """Have a thread take this up."""
        self.busy += 1
        if self.busy > self._started < self._limit:
            self._started += 1
            start_new_thread(self._serve, ())
        self._work.put(work)

    def _serve(self) -> None:
        while True:
            self._work.get().run()

    def post(self, work: "Work", good: bool, value: "Any", last: bool) -> None:
        """Hand a result to the loop, from a thread. One wake-up serves all that come meanwhile."""
        self._results.append((work, good, value, last))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._settle)
            except RuntimeError:
                pass  # the loop is closed: the process is ending, and nobody waits any more

    def _settle(self) -> None:
        # In this order: what is appended from here on wakes the loop again.
        self._woken = False
        results = self._results
        while results:
            work, good, value, last = results.popleft()
            if last:
                self.busy -= 1
            work.settle(good, value)


class Work:
    """Calls made one after another in one thread, in one context.

    `stays` tells of a result whether more calls may follow it. Then `close` must come at last.
    """

    __slots__ = ("_calls", "_context", "_pool", "_waiter", "begun", "dropped", "late", "stays")

    def __init__(self, pool: Pool, stays: "Callable[[Any], bool]") -> None:
        self._pool = pool
        self._context = copy_context()
        self._calls: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._waiter: Future[Any] | None = None
        self.stays = stays
        #: Whether a thread has taken it up, and whether none is to do so any more.
        self.begun = self.dropped = False
        #: Called when a result comes that nobody waits for any more, with it and whether it is one.
        self.late: Callable[[bool, Any], None] | None = None

    def begin(self, call: "Callable[[], Any]") -> "Future[Any]":
        """Make the first call."""
        waiter = self.more(call)
        self._pool.submit(self)
        return waiter

    def more(self, call: "Callable[[], Any]") -> "Future[Any]":
        """Make another call, once the one before has a result. Whoever stops waiting must `close`."""
        self._waiter = waiter = self._pool._loop.create_future()  # noqa: SLF001  same room
        self._calls.put(call)
        return waiter

    def close(self, call: "Callable[[], Any] | None" = None) -> None:
        """Make one last call, of which nobody waits for the result, and give the thread back."""
        if call is not None:
            self._calls.put(call)
        self._calls.put(None)

    def run(self) -> None:
        """Make the calls, in the thread."""
        while True:
            call = self._calls.get()
            self.begun = self.begun or not self.dropped
            if call is None or not self.begun:
                self._pool.post(self, True, None, True)
                return
            try:
                result = self._context.run(call)
            except BaseException as error:  # noqa: BLE001  it is raised where the result is awaited
                self._pool.post(self, False, error, True)
                return
            stays = self.stays(result)
            self._pool.post(self, True, result, not stays)
            if not stays:
                return
            # Kept in no variable: the next call may be long in coming.
            del call, result

    def settle(self, good: bool, value: "Any") -> None:
        """Give a result to who waits for it, on the loop."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            if good:
                waiter.set_result(value)
            else:
                waiter.set_exception(_raisable(value))
        elif self.late is not None:
            late, self.late = self.late, None
            late(good, value)


def _raisable(error: BaseException) -> BaseException:
    # A future refuses StopIteration; one that a handler lets out is its failure like any other.
    if isinstance(error, StopIteration):
        wrapped = RuntimeError("the handler raised StopIteration")
        wrapped.__cause__ = error
        return wrapped
    return error


_pool: Pool | None = None
_limit = LIMIT


#: Whether sync handlers run on the loop: where one request is served at a time, that harms nobody.
inline = False


def use(limit: int, *, on_loop: bool = False) -> None:
    """Say how many threads there may be, and whether sync handlers run on the loop instead."""
    global inline, _limit, _pool
    inline, _limit, _pool = on_loop, limit, None


def pool() -> Pool:
    """Return the pool of the running loop."""
    global _pool
    loop = get_running_loop()
    if _pool is None or _pool._loop is not loop:  # noqa: SLF001  same room
        _pool = Pool(_limit, loop)
    return _pool


def busy() -> int:
    """How many threads work, and how much work waits for one."""
    return 0 if _pool is None else _pool.busy


async def run(call: "Callable[[], Any]") -> "Any":
    """Make one call in a thread and wait for it."""
    return await Work(pool(), _never).begin(call)


def _never(_result: object) -> bool:
    return False


def streams(result: "replies.Reply | Any") -> bool:
    """Whether a reply has a stream that is still to be read."""
    return getattr(result, "stream", None) is not None
