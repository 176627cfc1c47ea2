"""From results and exceptions to HTTP replies."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from polyfn import Call, Context, Drop, Headers, Http, HTTPError, Request, Response, Retry
from polyfn.errors import (
    DeadlineError,
    PayloadError,
    PolyfnError,
    ResultError,
    SettlementError,
    TriggerMismatchError,
    UnsupportedError,
)
from polyfn.functions import Declaration
from polyfn.invoke import Invoker
from polyfn.runtime import replies
from polyfn.runtime.replies import Reply, from_error, from_result, serve

JSON, TEXT, BINARY = "application/json", "text/plain; charset=utf-8", "application/octet-stream"
LINES, PROBLEM = "application/x-ndjson", "application/problem+json"


def request(method: str = "GET", path: str = "/", body: bytes = b"") -> Request[Any]:
    return Request(method=method, raw_path=path, body=body)


def answer(handler: Any, trigger: Any = None, context: Context | None = None, **facts: Any) -> Reply:
    context = context or Context(request_id="r-1", function="f", provider="t")
    return serve(Invoker(Declaration("f", trigger or Http(), handler)), request(**facts), context)


def head(reply: Reply) -> tuple[int, str | None]:
    return reply.status, reply.headers.get("content-type")


class Order(BaseModel):
    id: int


@pytest.mark.parametrize(
    ("result", "status", "kind", "body"),
    [
        (None, 204, None, b""),
        ({"a": 1}, 200, JSON, b'{"a":1}'),
        ([], 200, JSON, b"[]"),
        (0, 200, JSON, b"0"),
        (True, 200, JSON, b"true"),
        (Order(id=1), 200, JSON, b'{"id":1}'),
        ([Order(id=1)], 200, JSON, b'[{"id":1}]'),
        ("é", 200, TEXT, "é".encode()),
        ("", 200, TEXT, b""),
        (b"\xff", 200, BINARY, b"\xff"),
        (bytearray(b"a"), 200, BINARY, b"a"),
        (memoryview(b"a"), 200, BINARY, b"a"),
        ((201, {"a": 1}), 201, JSON, b'{"a":1}'),
        ((202, None), 202, None, b""),
        ((404, "no"), 404, TEXT, b"no"),
        ((HTTPStatus.CREATED, {}), 201, JSON, b"{}"),
        ((True, 1), 200, JSON, b"[true,1]"),
        ((200, 1, 2), 200, JSON, b"[200,1,2]"),
        (("a", 1), 200, JSON, b'["a",1]'),
        (Response(), 200, None, b""),
        (Response(status=418), 418, None, b""),
        (Response({"a": 1}, 201), 201, JSON, b'{"a":1}'),
        (Response("x", content_type="text/html"), 200, "text/html", b"x"),
        (Response({}, headers={"Content-Type": "application/hal+json"}), 200, "application/hal+json", b"{}"),
        ((204, {"a": 1}), 204, None, b""),
        (Response("x", 304), 304, None, b""),
    ],
)
def test_each_result_has_its_reply(result: Any, status: int, kind: str | None, body: bytes) -> None:
    reply = from_result(result)
    assert head(reply) == (status, kind)
    assert (reply.body, reply.stream, reply.read()) == (body, None, body)
    assert from_result(reply) is reply


def test_case_9_the_handlers_status_survives() -> None:
    for status in (200, 201, 302, 404, 418, 503):
        assert answer(lambda event, status=status: (status, "x")).status == status  # type: ignore[misc]


def test_case_17_none_is_a_reply_without_a_body() -> None:
    assert head(answer(lambda event: None)) == (204, None)


def test_what_cannot_be_written_is_a_500_and_a_log_line(lines: list[Any]) -> None:
    assert head(answer(lambda event: {"a": {1}})) == (500, PROBLEM)
    assert isinstance(lines[0][2], ResultError)
    assert lines[0][3] == {"request_id": "r-1"}
    assert answer(lambda event: (3, 4)).status == 500


def test_a_response_can_be_kept_and_returned_again() -> None:
    kept = Response({"a": 1}, headers={"x-a": "1"})
    for method in ("HEAD", "GET", "GET"):
        reply = answer(lambda event: kept, method=method)
        reply.headers.add("x-provider", "1")
        assert kept.headers.items() == [("x-a", "1")]


# Streams.


def pieces(*items: Any) -> Callable[..., Iterator[Any]]:
    def handler() -> Iterator[Any]:
        yield from items

    return handler


@pytest.mark.parametrize(
    ("items", "status", "kind", "chunks"),
    [
        (["a", "é", b"\xff"], 200, TEXT, [b"a", "é".encode(), b"\xff"]),
        ([b"a", "b"], 200, BINARY, [b"a", b"b"]),
        ([{"a": 1}, [2], None], 200, LINES, [b'{"a":1}\n', b"[2]\n", b"null\n"]),
        ([None, 1], 200, LINES, [b"null\n", b"1\n"]),
        (["", "a"], 200, TEXT, [b"", b"a"]),
        ([Response(status=201, content_type="text/csv"), "a,b"], 201, "text/csv", [b"a,b"]),
        ([Response(status=202, headers={"x": "1"}), {"a": 1}], 202, LINES, [b'{"a":1}\n']),
    ],
)
def test_a_stream_takes_its_type_from_its_first_item(
    items: list[Any], status: int, kind: str, chunks: list[bytes]
) -> None:
    async def later() -> AsyncIterator[Any]:
        for item in items:
            await asyncio.sleep(0)
            yield item

    for handler in (pieces(*items), later, lambda: Response(iter(items)) if status == 200 else iter(items)):
        reply = answer(handler)
        assert head(reply) == (status, kind)
        assert reply.stream is not None
        assert list(reply.stream) == chunks
    if status == 200:
        assert list(answer(lambda: Response(later())).stream or ()) == chunks
    assert answer(pieces(*items)).read() == b"".join(chunks)


@pytest.mark.parametrize("items", [[], [Response(status=200)]])
def test_a_stream_of_nothing_is_empty(items: list[Any]) -> None:
    reply = answer(pieces(*items))
    assert (reply.status, reply.stream, reply.body) == (200, None, b"")


def test_case_10_an_error_before_the_first_chunk_is_a_clean_500() -> None:
    def handler() -> Iterator[str]:
        raise ValueError("s3cret")
        yield "never"

    def with_head() -> Iterator[Any]:
        yield Response(status=201)
        raise ValueError("s3cret")

    async def later() -> AsyncIterator[str]:
        raise HTTPError(409, "taken")
        yield "never"

    assert head(answer(handler)) == head(answer(with_head)) == (500, PROBLEM)
    assert head(answer(later)) == (409, PROBLEM)


def test_an_error_in_the_middle_comes_out_of_the_stream() -> None:
    def handler() -> Iterator[str]:
        yield "a"
        raise ValueError("late")

    stream = answer(handler).stream
    assert stream is not None
    assert next(stream) == b"a"
    with pytest.raises(ValueError, match="late"):
        next(stream)


def test_closing_a_stream_closes_the_handlers_generator() -> None:
    log: list[str] = []

    def sync() -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            log.append("closed")

    async def later() -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            log.append("closed")

    for handler in (sync, later):
        stream: Any = answer(handler).stream
        assert next(stream) == b"a"
        stream.close()
    assert log == ["closed", "closed"]


def test_an_async_body_ends_at_the_deadline(within: Callable[..., Context]) -> None:
    async def body() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(60)

    stream = answer(lambda: Response(body()), context=within(0.2)).stream
    assert stream is not None
    assert next(stream) == b"a"
    with pytest.raises(DeadlineError):
        next(stream)


def test_the_response_that_begins_a_stream_has_no_body_of_its_own(lines: list[Any]) -> None:
    assert answer(pieces(Response("lost"), "a")).status == 500
    assert "has a body" in str(lines[0][2])


# Methods and routes.


@pytest.mark.parametrize(
    ("trigger", "method", "path", "status", "allow"),
    [
        (Http("GET", "/a"), "GET", "/a", 200, None),
        (Http("GET", "/a"), "GET", "/b", 404, None),
        (Http("GET", "/a"), "POST", "/a", 405, "GET, HEAD"),
        (Http("POST", "/a"), "HEAD", "/a", 405, "POST"),
        (Http("GET", "/a"), "OPTIONS", "/b", 404, None),
        (Http(None, "/a"), "OPTIONS", "/a", 200, None),
        (Http("GET", "/a"), "POST", "/b", 404, None),
        (Http("POST"), "POST", "/any", 200, None),
        (Http(None, "/a"), "PURGE", "/a", 200, None),
        (Http(), "DELETE", "/", 200, None),
        (Call(), "POST", "/x", 200, None),
    ],
)
def test_only_the_route_and_the_method_are_served(
    trigger: Any, method: str, path: str, status: int, allow: str | None
) -> None:
    reply = answer(lambda: "served", trigger, method=method, path=path)
    assert (reply.status, reply.headers.get("allow")) == (status, allow)
    if status != 200 and method != "HEAD":
        assert json.loads(reply.body)["status"] == status


@pytest.mark.parametrize(("method", "allow"), [("GET", "GET, HEAD, OPTIONS"), ("POST", "POST, OPTIONS")])
def test_options_tells_the_methods_of_a_route(method: str, allow: str) -> None:
    reply = answer(lambda: "served", Http(method, "/a"), method="OPTIONS", path="/a")
    assert (reply.status, reply.headers.get("allow"), reply.body) == (204, allow, b"")


def test_the_routes_parameters_are_the_requests() -> None:
    def handler(event: Request[Any]) -> Any:
        return event.params

    reply = answer(handler, Http("GET", "/a/{b}/{c...}"), path="/a/1%2F2/3/4")
    assert json.loads(reply.body) == {"b": "1/2", "c": "3/4"}


def test_head_has_the_headers_of_get_and_no_body(lines: list[Any]) -> None:
    closed: list[bool] = []

    def stream() -> Iterator[str]:
        try:
            yield "a"
        finally:
            closed.append(True)

    def broken() -> None:
        raise ValueError("no")

    reply = answer(lambda: {"a": 1}, Http("GET"), method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers == Headers({"content-type": JSON, "content-length": "7"})
    reply = answer(stream, Http("GET"), method="HEAD")
    assert (reply.status, reply.body, reply.stream, closed) == (200, b"", None, [True])
    for reply in (answer(broken, method="HEAD"), answer(broken, Http("GET", "/a"), method="HEAD")):
        assert reply.body == b""
        assert reply.headers["content-type"] == PROBLEM
        assert int(reply.headers["content-length"]) > 0


# Errors.


def test_an_http_error_is_a_problem_with_its_detail() -> None:
    error = HTTPError(409, "taken", headers={"X-A": 1}, type="https://example.org/taken", id=7)
    reply = from_error(error)
    assert head(reply) == (409, PROBLEM)
    assert reply.headers["x-a"] == "1"
    assert json.loads(reply.body) == {
        "type": "https://example.org/taken",
        "title": "Conflict",
        "status": 409,
        "detail": "taken",
        "id": 7,
    }
    assert json.loads(from_error(HTTPError(499)).body) == {
        "type": "about:blank",
        "title": "Client Error",
        "status": 499,
    }
    assert json.loads(from_error(HTTPError(599)).body)["title"] == "Server Error"


def test_an_http_error_that_cannot_be_written_keeps_its_status(lines: list[Any]) -> None:
    def handler() -> None:
        raise HTTPError(409, "taken", reasons={1, 2})

    reply = answer(handler)
    assert head(reply) == (409, PROBLEM)
    assert json.loads(reply.body) == {"type": "about:blank", "title": "Conflict", "status": 409}
    assert isinstance(lines[0][2], ResultError)


@pytest.mark.parametrize(
    ("error", "status", "after"),
    [
        (Retry(), 503, None),
        (Retry("why", after=30), 503, "30"),
        (Retry(after=0.2), 503, "1"),
        (Retry(after=0), 503, "0"),
        (Drop("why"), 204, None),
        (PayloadError("bad"), 400, None),
        (PayloadError("bad", details=[{"loc": ["a"], "msg": "m"}]), 422, None),
        (ValueError("x"), 500, None),
    ],
)
def test_each_outcome_has_its_status(error: Exception, status: int, after: str | None) -> None:
    reply = from_error(error)
    assert (reply.status, reply.headers.get("retry-after")) == (status, after)


def test_a_misfit_tells_the_client_where(lines: list[Any]) -> None:
    def handler(event: Order) -> None: ...

    reply = answer(handler, Call(), method="POST", body=b'{"id":"s3cret"}')
    told = json.loads(reply.body)
    assert reply.status == 422
    assert [error["loc"] for error in told["errors"]] == [["id"]]
    assert b"s3cret" not in reply.body
    assert lines == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_case_7_an_empty_or_broken_body_is_a_400(body: bytes, lines: list[Any]) -> None:
    def model(event: Order) -> None: ...
    def plain(event: dict[str, Any]) -> None: ...
    def asks(event: Request[Any]) -> Any:
        return event.json()

    for handler in (model, plain, asks):
        assert head(answer(handler, method="POST", body=body, trigger=Http())) == (400, PROBLEM)
    assert lines == []


TELLING = [
    ValueError,
    KeyError,
    OSError,
    RuntimeError,
    PolyfnError,
    ResultError,
    SettlementError,
    TriggerMismatchError,
    UnsupportedError,
    DeadlineError,
    ExceptionGroup,
    AssertionError,
    StopIteration,
]


@given(st.text(min_size=4).map(lambda text: f"#{text}#"), st.sampled_from(TELLING), st.booleans())
def test_case_10_exception_text_never_reaches_a_client(text: str, kind: Any, chained: bool) -> None:
    def handler() -> None:
        error = kind(text, [ValueError(text)]) if kind is ExceptionGroup else kind(text)
        if chained:
            raise error from ValueError(text)
        raise error

    reply = answer(handler)
    status, title = (504, "Gateway Timeout") if kind is DeadlineError else (500, "Internal Server Error")
    assert head(reply) == (status, PROBLEM)
    assert json.loads(reply.body) == {"type": "about:blank", "title": title, "status": status}
    sent = [*(value for _, value in reply.headers), *json.loads(reply.body).values()]
    assert not any(text in str(value) for value in sent)


def test_case_13_and_14_a_failure_is_logged_as_an_error(lines: list[Any]) -> None:
    error = ValueError("s3cret")

    def handler() -> None:
        raise error

    assert answer(handler).status == 500
    assert lines == [("ERROR", "the handler failed", error, {"request_id": "r-1"})]


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (HTTPError(404, "no"), []),
        (PayloadError("bad"), []),
        (HTTPError(500, "no"), [("WARNING", "answered 500")]),
        (Retry(), [("WARNING", "answered 503")]),
        (Drop("useless"), [("ERROR", "dropped: useless")]),
    ],
)
def test_what_the_client_caused_is_no_error_of_ours(
    error: Exception, logged: list[Any], lines: list[Any]
) -> None:
    def handler() -> None:
        raise error

    answer(handler)
    assert [line[:2] for line in lines] == logged


def test_case_29_neither_body_nor_headers_are_logged(lines: list[Any]) -> None:
    def handler(event: dict[str, Any]) -> None:
        raise RuntimeError("no")

    answer(handler, Call(), method="POST", body=b'{"card":"4111"}')
    assert len(lines) == 1
    assert "4111" not in f"{lines[0][:2]} {lines[0][2]!r} {lines[0][3]}"


@given(st.text() | st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_a_chunk_is_bytes(item: Any) -> None:
    try:
        chunk = replies.chunk(item)
    except UnicodeEncodeError:
        assert isinstance(item, str)
        return
    if isinstance(item, bytes):
        assert chunk == item
    elif isinstance(item, str):
        assert chunk.decode() == item
    else:
        assert chunk.endswith(b"\n")
        assert json.loads(chunk) == item
