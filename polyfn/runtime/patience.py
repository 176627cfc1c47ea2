"""Time limits that cost what is over in time next to nothing: one timer for all of them.

A timer for each would cost every request as much as its routing, for the sake of the few that take long.
"""

from asyncio import CancelledError, current_task, get_running_loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task, TimerHandle
    from types import TracebackType
    from typing import Any, Protocol, Self

    class Watched(Protocol):
        """What may take its time."""

        def look(self) -> None:
            """Begin to watch in earnest."""


#: Most work is over before this many seconds are; only then is it watched.
PATIENCE = 0.05


class Patience:
    """Tells of what takes its time, on one loop."""

    __slots__ = ("_loop", "_old", "_timer", "_young")

    def __init__(self, loop: "AbstractEventLoop") -> None:
        self._loop = loop
        self._young: set[Watched] = set()
        self._old: set[Watched] = set()
        self._timer: TimerHandle | None = None

    def add(self, one: "Watched") -> "set[Any]":
        """Have `one.look` called once PATIENCE, or twice that, is over.

        Return the set that it is to be discarded from if it ends before.
        """
        self._young.add(one)
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE, self._tick)
        return self._young

    def _tick(self) -> None:
        slow, self._old, self._young = self._old, self._young, set()
        self._timer = self._loop.call_later(PATIENCE, self._tick) if self._old else None
        for one in slow:
            one.look()


_latest: "tuple[AbstractEventLoop | None, Patience | None]" = (None, None)


def of(loop: "AbstractEventLoop") -> Patience:
    """Return the loop's patience. A process has one loop that matters; a thread's own gets a new one."""
    global _latest
    known, patience = _latest
    if known is not loop or patience is None:
        patience = Patience(loop)
        _latest = loop, patience
    return patience


class Limit:
    """`asyncio.timeout_at`, as a plain `with`: TimeoutError if what is in it is not over at `when`.

    `when` is a time of the loop, or None for no limit, and may be moved. It may end up to twice PATIENCE
    late where it is moved to less than ten times that from now.
    """

    __slots__ = ("_among", "_cancelling", "_loop", "_task", "_timer", "expired", "when")

    def __init__(self, when: float | None) -> None:
        self.when = when
        self.expired = False
        self._among: set[Any] | None = None
        self._timer: TimerHandle | None = None

    def __enter__(self) -> "Self":
        if self.when is None:
            return self
        self._loop = get_running_loop()
        task: Task[Any] | None = current_task()
        assert task is not None, "a limit is for what runs in a task"
        self._task = task
        self._cancelling = task.cancelling()
        if self.when - self._loop.time() < 10 * PATIENCE:
            self.look()
        else:
            self._among = of(self._loop).add(self)
        return self

    def look(self) -> None:
        """Have a timer of its own from now on."""
        assert self.when is not None
        self._timer = self._loop.call_at(self.when, self._expire)

    def move(self, when: float) -> None:
        """End at another time."""
        self.when = when
        if self._timer is not None:
            self._timer.cancel()
            self.look()

    def _expire(self) -> None:
        self.expired = True
        self._task.cancel()

    def __exit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, _: "TracebackType | None"
    ) -> None:
        if self._among is not None:
            self._among.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self.expired and self._task.uncancel() <= self._cancelling and kind is CancelledError:
            raise TimeoutError from error
