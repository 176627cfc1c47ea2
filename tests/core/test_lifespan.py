"""An ASGI application's lifespan: once per process, or not at all."""

import asyncio
import contextlib
import time

import pytest

import polyfn
from polyfn import lifecycle
from polyfn.errors import StartupError
from polyfn.http import Request
from polyfn.invoke import Invoker
from polyfn.runtime import aio


@pytest.fixture
def serve(context):
    """Start a process that serves an application; returns what asks it."""

    def start(app, name="f"):
        invoker = Invoker(polyfn.asgi(app, name=name).__polyfn__)
        lifecycle.start()
        return lambda: invoker.call(Request(method="GET", raw_path="/"), context)

    return start


def application(*, startup=None, shutdown=None):
    """An application as frameworks make them; `startup(state)` and `shutdown()` may be coroutines."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.startup"
            if startup is not None:
                await startup(scope["state"])
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            if shutdown is not None:
                await shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": repr(sorted(scope["state"])).encode()})
        scope["state"]["mine"] = 1

    return app


def told(lines):
    return [(level, message) for level, message, _, _ in lines]


def test_it_runs_once_around_all_requests_and_on_their_loop(serve, lines):
    events = []

    async def startup(state):
        events.append(("startup", asyncio.get_running_loop()))
        state["pool"] = object()

    async def shutdown():
        events.append(("shutdown", asyncio.get_running_loop()))

    ask = serve(application(startup=startup, shutdown=shutdown))
    lifecycle.start()
    # The state is copied: what a request adds to it is its own.
    assert [ask().body, ask().body] == [b"['pool']"] * 2
    assert lifecycle.needs_stop()
    lifecycle.stop()
    lifecycle.stop()
    assert events == [("startup", aio.loop()), ("shutdown", aio.loop())]
    assert lines == []


def test_it_stops_before_the_stop_hooks_and_resources_that_it_uses(serve):
    order = []

    @polyfn.on_stop
    def hook():
        order.append("hook")

    @polyfn.resource
    def thing():
        yield 1
        order.append("resource")

    async def startup(state):
        thing()

    async def shutdown():
        order.append("application")

    serve(application(startup=startup, shutdown=shutdown))
    lifecycle.stop()
    assert order == ["application", "hook", "resource"]


def test_what_it_starts_goes_on_and_is_not_the_invocations(serve):
    beats = []

    async def beat():
        while True:
            beats.append(1)
            await asyncio.sleep(0)

    async def startup(state):
        state["task"] = asyncio.create_task(beat())

    ask = serve(application(startup=startup))
    ask()
    before = len(beats)
    ask()
    assert len(beats) > before
    # The application's own task and the one that it made.
    assert len(aio.kept) == 2
    assert aio.kept == asyncio.all_tasks(aio.loop())


async def _refuses(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"served"})


async def _returns(scope, receive, send):
    if scope["type"] == "http":
        await _refuses(scope, receive, send)


async def _thinks_all_is_http(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"served"})


@pytest.mark.parametrize("app", [_refuses, _returns, _thinks_all_is_http])
def test_an_application_without_one_is_served_without_one(serve, app, lines):
    ask = serve(app)
    assert not lifecycle.needs_stop()
    assert ask().body == b"served"
    assert lines == []


def test_one_that_fails_and_does_not_say_so_is_served_and_logged(serve, lines):
    """The protocol has servers go on."""

    async def startup(state):
        raise ValueError("no database")

    ask = serve(application(startup=startup))
    assert ask().status == 200
    [(level, message, error, _)] = lines
    assert (level, message) == ("WARNING", "the application failed to start without saying so")
    assert str(error) == "no database"


def failing(message, error=None):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", **({"message": message} if message else {})})
        if error is not None:
            raise error

    return app


def test_a_startup_that_fails_is_an_error_with_the_applications_own_words(serve):
    with pytest.raises(StartupError, match="could not start: line 1\nline 2") as caught:
        serve(failing("line 1\nline 2\n"))
    assert caught.value.__cause__ is None
    assert not lifecycle.needs_stop()


def test_what_it_raised_as_well_is_the_cause(serve):
    """Frameworks send the whole traceback and raise on."""
    with pytest.raises(StartupError, match=r"could not start: ValueError: no database$") as caught:
        serve(failing("Traceback:\n  File x\nValueError: no database\n", ValueError("no database")))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_startup_may_fail_without_a_word(serve):
    with pytest.raises(StartupError, match="it does not say why"):
        serve(failing(None))


def test_a_shutdown_that_hangs_is_given_up(serve, lines, monkeypatch):
    monkeypatch.setattr(lifecycle, "grace", 0.1)
    ends = []

    async def shutdown():
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("cancelled")

    serve(application(shutdown=shutdown))
    began = time.monotonic()
    lifecycle.stop()
    assert time.monotonic() - began < 5
    assert told(lines) == [("ERROR", "the application did not shut down within 0.1 s")]
    assert ends == ["cancelled"]


def test_one_that_never_returns_from_its_lifespan_holds_nothing_up(serve, lines):
    async def app(scope, receive, send):
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                await asyncio.sleep(60)

    serve(app)
    began = time.monotonic()
    lifecycle.stop()
    assert time.monotonic() - began < lifecycle.grace / 2
    assert lines == []


def test_a_shutdown_that_fails_is_logged(serve, lines):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "not flushed"})

    serve(app)
    lifecycle.stop()
    assert told(lines) == [("ERROR", "the application could not shut down: not flushed")]


def test_a_shutdown_that_raises_is_logged(serve, lines):
    async def shutdown():
        raise ValueError("why")

    serve(application(shutdown=shutdown))
    lifecycle.stop()
    [(level, message, error, _)] = lines
    assert (level, message, str(error)) == ("ERROR", "the application failed while it shut down", "why")


def test_a_lifespan_that_ends_too_soon_is_logged_at_once(serve, lines):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await _refuses(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.sleep(0)
        raise ValueError("lost")

    ask = serve(app)
    ask()
    assert told(lines) == [("ERROR", "the application's lifespan ended before the process")]
    lifecycle.stop()
    assert len(lines) == 1


def test_messages_of_another_phase_are_refused(serve):
    caught = []

    async def app(scope, receive, send):
        await receive()
        for kind in ("lifespan.shutdown.complete", "http.response.start"):
            try:
                await send({"type": kind})
            except polyfn.PolyfnError as error:
                caught.append(error.message)
        await send({"type": "lifespan.startup.complete"})

    serve(app)
    assert caught == [
        "the application sent lifespan.shutdown.complete where lifespan.startup.complete was expected",
        "the application sent http.response.start where lifespan.startup.complete was expected",
    ]


def test_each_application_of_a_process_has_its_own(context):
    started = []

    def app(name):
        async def startup(state):
            started.append(name)
            state[name] = 1

        return application(startup=startup)

    invokers = [Invoker(polyfn.asgi(app(name), name=name).__polyfn__) for name in ("one", "two")]
    lifecycle.start()
    assert started == ["one", "two"]
    bodies = [one.call(Request(method="GET", raw_path="/"), context).body for one in invokers]
    assert bodies == [b"['one']", b"['two']"]


def test_a_context_manager_is_left_in_the_task_that_entered_it(serve):
    """As the cancel scopes of task groups must be."""
    tasks = []

    @contextlib.asynccontextmanager
    async def group():
        tasks.append(asyncio.current_task())
        async with asyncio.TaskGroup():
            yield
        tasks.append(asyncio.current_task())

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await _refuses(scope, receive, send)
            return
        await receive()
        async with group():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    ask = serve(app)
    ask()
    lifecycle.stop()
    assert len(tasks) == 2
    assert tasks[0] is tasks[1]
