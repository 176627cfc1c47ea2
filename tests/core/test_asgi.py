"""The application as ASGI's specification has it, without a server."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from polyfn.context import Context
from polyfn.http import Request
from polyfn.runtime import aio
from polyfn.runtime.asgi import Application
from polyfn.runtime.replies import Reply, from_result


def application(**settings: Any) -> Application:
    async def serve(request: "Request[Any]", context: Context) -> Reply:
        return from_result({"path": request.raw_path, "body": len(request.body), "id": context.request_id})

    return Application(
        serve, lambda request: Context(request_id=request.method, function="f", provider="test"), **settings
    )


def exchange(app: Application, scope: dict[str, Any], *events: dict[str, Any]) -> list[Any]:
    """Run the application on what a server would tell it; return what it sent."""
    sent: list[Any] = []
    told = iter(events)

    async def receive() -> MutableMapping[str, Any]:
        event = next(told, None)
        if event is None:
            await asyncio.sleep(60)
            raise AssertionError("nobody hangs up")
        return event

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    aio.run(app(scope, receive, send))
    return sent


def http(**facts: Any) -> dict[str, Any]:
    return {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/",
        "raw_path": b"/", "query_string": b"", "headers": [], "client": None, **facts,
    }  # fmt: skip


def test_lifespan_is_agreed_to() -> None:
    events = ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    sent = exchange(application(), {"type": "lifespan"}, *events)
    assert [one["type"] for one in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_websockets_are_refused() -> None:
    sent = exchange(application(), {"type": "websocket"}, {"type": "websocket.connect"})
    assert [one["type"] for one in sent] == ["websocket.close"]


def test_a_scope_without_its_raw_path_and_with_a_query_on_it() -> None:
    assert b'"path":"/a%20b"' in exchange(application(), http(path="/a b", raw_path=None))[1]["body"]
    assert b'"path":"/a"' in exchange(application(), http(raw_path=b"/a?q=1"))[1]["body"]


def test_what_middleware_makes_of_the_scope_is_not_what_came() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = scope["polyfn"]["event"]
        scope.update(client=("2.2.2.2", 1), scheme="https", query_string=b"", headers=[(b"host", b"b")])
        facts = [request.client, request.scheme, request.raw_query, request.host, *request.headers]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": repr(facts).encode()})

    came = http(client=("1.1.1.1", 1), query_string=b"a", headers=[(b"host", b"a")])
    sent = exchange(application(direct=lambda _: app), came)
    assert sent[1]["body"].decode() == repr(["1.1.1.1", "http", "a", "a", ("host", "a")])


def test_a_whole_reply_goes_to_the_server_that_takes_it() -> None:
    taken: list[Any] = []
    for takes in (True, False):
        extension = {"whole": lambda *reply, takes=takes: taken.append(reply) or takes}
        sent = exchange(application(), http(extensions={"polyfn.reply": extension}))
        assert len(sent) == (0 if takes else 2)
    body = b'{"path":"/","body":0,"id":"GET"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"32")]
    assert taken == [(200, headers, body)] * 2


def test_a_body_of_http2_needs_no_length() -> None:
    pieces = [
        {"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.request", "body": b"de"},
    ]  # fmt: skip
    sent = exchange(application(), http(http_version="2", method="POST"), *pieces)
    assert b'"body":5' in sent[1]["body"]
    sent = exchange(application(body_limit=4), http(http_version="2", method="POST"), *pieces)
    assert sent[0]["status"] == 413


def test_a_defect_of_the_provider_is_a_500_that_says_nothing(lines: list[Any]) -> None:
    async def broken(request: "Request[Any]", context: Context) -> Reply:
        raise ValueError("secret-text")

    def no_context(request: "Request[Any]") -> Context:
        raise ValueError("secret-text")

    for app in (
        Application(broken, lambda _: Context(request_id="r", function="f", provider="test")),
        Application(broken, no_context),
    ):
        sent = exchange(app, http())
        assert sent[0]["status"] == 500
        assert b"secret" not in sent[1]["body"]
    assert [str(line[2]) for line in lines] == ["secret-text"] * 2


def test_replies_ask_for_the_connections_end_while_the_process_closes() -> None:
    app = application()
    app.closing = True
    assert (b"connection", b"close") in exchange(app, http())[0]["headers"]
