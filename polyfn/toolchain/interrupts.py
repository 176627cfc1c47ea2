"""Ending early: an interrupt leaves no process behind that was waited for."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_lock = threading.Lock()
_running: set[subprocess.Popen[Any]] = set()


@contextlib.contextmanager
def tracked(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Let `stop` end the process while it is waited for."""
    with _lock:
        _running.add(process)
    try:
        yield
    finally:
        with _lock:
            _running.discard(process)


def stop() -> None:
    """End every process that is waited for, so that the threads which wait go on."""
    with _lock:
        for process in _running:
            with contextlib.suppress(OSError):
                process.kill()


def parallel(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call the function for every item at once and return the answers in order.

    The first error is raised when all have ended; an interrupt ends what they wait for.
    """
    pool = ThreadPoolExecutor(max(1, len(items)))
    # Each in a copy of this context: what is bound to it (who listens to progress) is so there as well.
    futures = [pool.submit(copy_context().run, function, item) for item in items]
    try:
        return [future.result() for future in futures]
    except BaseException as error:
        if not isinstance(error, Exception):
            stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
