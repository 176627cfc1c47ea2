"""What the core's tests share: its process-wide state put back after each, and small makers."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import polyfn
from polyfn import lifecycle
from polyfn.context import Context
from polyfn.events import Message
from polyfn.functions import Declaration, declared
from polyfn.invoke import Invoker
from polyfn.runtime import aio, logs
from polyfn.triggers import Call, Trigger

# A loaded machine is slow now and then; that is no defect of what is tested.
settings.register_profile("core", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("core")


@pytest.fixture(autouse=True)
def isolated() -> Iterator[None]:
    """Give each test a process of its own, as far as the core can tell."""
    kept = dict(declared)
    lists = (lifecycle._start_hooks, lifecycle._stop_hooks, lifecycle._resources, lifecycle._made)
    held = [list(entries) for entries in lists]
    sink, finders = logs.sink, list(sys.meta_path)
    declared.clear()
    for entries in lists:
        entries.clear()
    yield
    aio.close()
    declared.clear()
    declared.update(kept)
    for entries, before in zip(lists, held, strict=True):
        entries[:] = before
    logs.sink = sink
    sys.meta_path[:] = finders


@pytest.fixture(autouse=True)
def lines(isolated: None) -> list[tuple[str, str, BaseException | None, dict[str, Any]]]:
    """Every log line of the core: level, message, error, fields."""
    written: list[tuple[str, str, BaseException | None, dict[str, Any]]] = []
    logs.sink = lambda *line: written.append(line)
    return written


@pytest.fixture
def context() -> Context:
    return make_context()


def make_context(seconds: float | None = None, **facts: Any) -> Context:
    deadline = None if seconds is None else time.time() + seconds
    return Context(request_id="r-1", function="f", provider="test", deadline=deadline, **facts)


@pytest.fixture
def within() -> Callable[..., Context]:
    """Make a context whose deadline is that many seconds away."""
    return make_context


@pytest.fixture
def invoker() -> Callable[..., Invoker]:
    def make(handler: Any, trigger: Trigger | None = None) -> Invoker:
        return Invoker(Declaration("f", trigger or Call(), handler))

    return make


@pytest.fixture
def messages() -> Callable[..., list[Message[Any]]]:
    def make(*payloads: Any, **facts: Any) -> list[Message[Any]]:
        return [Message(payload=payload, id=f"m{index}", **facts) for index, payload in enumerate(payloads)]

    return make


@pytest.fixture
def queue() -> polyfn.Queue:
    return polyfn.Queue("orders")
