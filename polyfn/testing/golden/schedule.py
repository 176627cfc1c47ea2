"""Golden functions that a schedule calls. A tick says nothing of what to do, so there is one for each."""

from golden.acting import act, saw

import polyfn
from polyfn import Context, Schedule, Tick


@polyfn.function(Schedule("0 6 * * *"))
def ticked(tick: Tick, context: Context) -> None:
    """Tell when it was due."""
    saw(context, time=tick.time.isoformat() if tick.time else None)


@polyfn.function(Schedule("0 7 * * *"))
async def ticked_async(tick: Tick, context: Context) -> None:
    """Tell when it was due, asynchronously."""
    saw(context, time=tick.time.isoformat() if tick.time else None)


@polyfn.function(Schedule("0 8 * * *"))
def ticked_retry() -> None:
    """Ask to be called again."""
    act("retry")


@polyfn.function(Schedule("0 9 * * *"))
def ticked_drop() -> None:
    """Give up."""
    act("drop")


@polyfn.function(Schedule("0 10 * * *"))
def ticked_fail() -> None:
    """Fail."""
    act("fail")
