"""`invoke`: an envelope is posted, a request goes through the front."""

import json

import pytest

from polyfn.toolchain.errors import EventFileError

from .conftest import HTTP

QUEUE = [
    {"name": "message", "type": "queueTrigger", "direction": "in", "queueName": "orders"},
    {"name": "audit", "type": "queue", "direction": "out", "queueName": "audit"},
    {"name": "doc", "type": "cosmosDB", "direction": "out", "databaseName": "d", "containerName": "c"},
]
SOURCE = """
def fulfil(data, metadata):
    print(json.dumps([data, metadata]), flush=True)
    if data["message"] == '"fail"':
        raise ValueError("secret")
    return {"audit": "dGVzdA==", "doc": [{"id": "1"}], "unknown": 1}
functions(fulfil=fulfil, other=fulfil)
"""


def invoke(bench, run, event, functions=None, source=SOURCE, **settings):
    app = bench.app(source, functions or {"fulfil": QUEUE})

    async def work():
        async with bench.emulate(app, **settings) as emulator:
            return await emulator.invoke(event if isinstance(event, bytes) else json.dumps(event).encode())

    return run(work())


def test_an_envelope_arrives_as_it_is(bench, run):
    event = {
        "Data": {"message": '"{\\"a\\":1}"'},
        "Metadata": {"DequeueCount": "3", "sys": {"MethodName": "x"}},
    }
    invoked = invoke(bench, run, event)
    assert bench.told() == [[event["Data"], event["Metadata"]]]
    assert (invoked.error, invoked.status) == (None, 200)
    assert json.loads(invoked.payload)["Outputs"]["audit"] == "dGVzdA=="
    audit, doc = invoked.report["outputs"]
    assert (audit["text"], audit["written"]) == ("test", False)
    assert (doc["type"], doc["target"], json.loads(doc["text"])) == ("cosmosdb", "c", {"id": "1"})
    assert any("gives the output 'unknown'" in line for line in invoked.report["log"])


def test_a_failure(bench, run):
    invoked = invoke(bench, run, {"Data": {"message": '"fail"'}, "Metadata": {}})
    assert invoked.error == "Response status code does not indicate success: 500."
    assert invoked.status == 500
    assert invoked.report["outputs"] == []


def test_which_function(bench, run):
    both = {"fulfil": QUEUE, "other": QUEUE}
    event = {"Data": {"message": '"x"'}, "Metadata": {}}
    with pytest.raises(EventFileError, match="does not say which function it is for: fulfil, other"):
        invoke(bench, run, event, both)
    invoke(bench, run, {**event, "function": "other"}, both)
    assert bench.having("Executing 'Functions.other'")
    invoke(bench, run, event, both, function="fulfil")
    assert bench.having("Executing 'Functions.fulfil'")
    with pytest.raises(EventFileError, match="no function 'none'"):
        invoke(bench, run, {**event, "function": "none"}, both)


def test_a_request(bench, run):
    source = """
    def handler(request):
        request.reply({"t": request.target, "b": request.body().decode()}, 418)
    serve(handler)
    """
    app = bench.app(source, {"hello": HTTP}, customHandler={"enableProxyingHttpRequest": True})

    async def work():
        async with bench.emulate(app) as emulator:
            event = {"method": "POST", "path": "/api/hello?x=1", "headers": [["X-A", "1"]], "body": {"a": 1}}
            found = await emulator.invoke(json.dumps(event).encode())
            return found, await emulator.invoke(b'{"path": "/none"}')

    found, lost = run(work())
    assert (found.status, found.error) == (418, None)
    assert json.loads(found.payload) == {"t": "/api/hello?x=1", "b": '{"a":1}'}
    assert not bench.having("the client left")
    assert lost.status == 404
    assert lost.error == "the host answered 404: no function was invoked"


@pytest.mark.parametrize("event", [
    b"", b"[]", b"{", b'{"other": 1}', b'{"Data": 1}', b'{"Data": {}, "Metadata": {}}', b'{"Metadata": {}}',
    b'{"Data": {"a": 1}, "Metadata": {}, "x": 1}', b'{"path": "nope"}', b'{"headers": [["a b", "c"]]}',
    b'{"Data": {"a": 1}, "function": 5}', b'{"body": 1, "body_base64": ""}', b'{"body_base64": "%"}',
])  # fmt: skip
def test_what_is_no_event(bench, run, event):
    with pytest.raises(EventFileError) as caught:
        invoke(bench, run, event)
    assert caught.value.hint
