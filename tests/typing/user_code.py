"""A user's module under mypy --strict: what the public API promises to type checkers.

It is never run: tests/core/test_typing.py has mypy check it, and mypy reports an `assert_type` that
does not hold and a `type: ignore` that nothing needs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from datetime import datetime
from typing import Any, assert_type

import polyfn
from polyfn import (
    Batch,
    Context,
    Event,
    Http,
    HTTPError,
    Message,
    Queue,
    Request,
    Response,
    Retry,
    Schedule,
    Storage,
    Tick,
)


class Order:
    id: int


class Database:
    def find(self, key: str) -> Order | None:
        return None


# Decorators keep the handler's own type.


@polyfn.function
def hello(event: Order, context: Context) -> dict[str, int]:
    assert_type(context.remaining(), float)
    context.defer(lambda: print("later"))
    return {"id": event.id}


made: dict[str, int] = hello(Order(), context=Context(request_id="r", function="f", provider="p"))
hello("not an order", None)  # type: ignore[arg-type]


@polyfn.function()
def plain() -> int:
    return 1


assert_type(plain(), int)


@polyfn.function(Http("GET", "/orders/{id}"), name="show-order")
async def show(request: Request[Order]) -> Response:
    assert_type(request.data, Order)
    assert_type(request.headers.get("a"), str | None)
    assert_type(request.headers.get("a", "b"), str)
    assert_type(request.headers["a"], str)
    assert_type(request.query.all("a"), list[str])
    assert_type(request.params, dict[str, str])
    assert_type(request.cookies, dict[str, str])
    assert_type(request.body, bytes)
    if request.method == "POST":
        raise HTTPError(404, "no such order", headers={"x-a": 1}, order=3)
    response = Response({"a": 1}, 201, [("x-a", 1), ("x-a", 2)], content_type="text/html")
    response.set_cookie("a", "b", max_age=3, http_only=True, domain=None)
    return response


async def use_show() -> None:
    assert_type(await show(Request(method="GET", raw_path="/")), Response)


@polyfn.function(Queue("orders", concurrency=10))
async def fulfil(message: Message[Order]) -> None:
    assert_type(message.data, Order)
    assert_type(message.data.id, int)
    assert_type(message.id, str | None)
    assert_type(message.time, datetime | None)
    assert_type(message.attempt, int | None)
    raise Retry("not yet", after=30)


@polyfn.function(Queue("audit"))
def audit(batch: Batch[Order]) -> None:
    assert_type(batch[0], Message[Order])
    for message in batch:
        assert_type(message, Message[Order])
        with message as same:
            assert_type(same.data, Order)
        # The block may have swallowed what was raised in it, so this line is reached.
        batch.fail(message)
    batch.fail("an id")


def swallowed(message: Message[Order]) -> int:
    with message:
        raise ValueError
    return 1


@polyfn.function(Schedule("0 6 * * *"))
def nightly(tick: Tick) -> None:
    assert_type(tick.schedule, str | None)


@polyfn.function(Storage("uploads", on="created"))
def thumbnail(change: polyfn.ObjectChange) -> Iterator[bytes]:
    assert_type(change.size, int | None)
    yield b""


@polyfn.function
async def anything(event: Event[dict[str, int]]) -> AsyncIterator[str]:
    assert_type(event.data, dict[str, int])
    assert_type(event.raw, bytes)
    yield ""


# Resources.


@polyfn.resource
def plainly() -> Database:
    return Database()


@polyfn.resource
def generated() -> Iterator[Database]:
    yield Database()


@polyfn.resource
async def later() -> Database:
    return Database()


@polyfn.resource
async def streamed() -> AsyncIterator[Database]:
    yield Database()


assert_type(plainly(), Database)
assert_type(generated(), Database)
assert_type(later(), Awaitable[Database])
assert_type(streamed(), Awaitable[Database])
plainly.reset()


async def use_resources() -> None:
    assert_type(await later(), Database)
    assert_type(await streamed(), Database)
    assert_type(await asyncio.gather(later(), streamed()), tuple[Database, Database])


# Hooks.


@polyfn.on_start
async def begin() -> None: ...


@polyfn.on_stop
def end() -> None: ...


assert_type(end(), None)

# Applications.


async def application(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None: ...


api = polyfn.asgi(application)


async def use_api(context: Context) -> None:
    assert_type(await api(Request(method="GET", raw_path="/"), context), Response)


polyfn.asgi("main:app")  # type: ignore[arg-type]
polyfn.asgi(application, "api")  # type: ignore[call-arg]
polyfn.function("GET /")  # type: ignore[call-overload]
Queue("q", 3)  # type: ignore[call-arg]
Schedule(6)  # type: ignore[arg-type]
