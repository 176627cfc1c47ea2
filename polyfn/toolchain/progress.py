"""What is being done, told to whoever listens. Nothing is printed here, and by default nobody listens.

    with progress.step("compressing", total=size) as step:
        for chunk in chunks:
            step.advance(len(chunk))

A listener is bound to the context (`contextvars`): a thread hears of it if it runs in a copy of its
maker's context, as those of `interrupts.parallel` do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(eq=False)
class Step:
    """Something that takes its time.

    | attribute | content |
    |---|---|
    | `arch` | whose bundle it is for; None where it is for all of them |
    | `total`, `done` | bytes, of a step whose end is known; `done` grows while it lasts |
    | `began` | seconds, by `time.monotonic` |
    """

    name: str
    arch: str | None = None
    total: int | None = None
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def advance(self, size: int) -> None:
        """Count more bytes as done. One thread alone may call it."""
        self.done += size


class Listener:
    """Is told of steps, from any thread. This one does not care."""

    def started(self, step: Step) -> None:
        """A step began. Others may be under way: those that it is part of, and those of other threads."""

    def ended(self, step: Step) -> None:
        """A step is over, well or not."""


_listener: ContextVar[Listener] = ContextVar("listener", default=Listener())  # noqa: B039  it has no state
_step: ContextVar[Step | None] = ContextVar("step", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a listener hear of the steps that are taken in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def step(name: str, arch: str | None = None, *, total: int | None = None) -> Iterator[Step]:
    """Tell that something goes on as long as the block lasts. `name` says what: `installing dependencies`.

    Without `arch` it is for the architecture of the step that it is part of.
    """
    outer, listener = _step.get(), _listener.get()
    one = Step(name, arch or (outer.arch if outer is not None else None), total)
    token = _step.set(one)
    listener.started(one)
    try:
        yield one
    finally:
        listener.ended(one)
        _step.reset(token)
