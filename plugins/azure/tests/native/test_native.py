"""The native artifact under Microsoft's own runtime, and the same functions as a custom handler.

Both are asked the same by what each is told, and have to see and to answer the same.
"""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import polyfn
import polyfn_azure
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.packaging import PackageRequest
from polyfn.toolchain.packaging import package as packaged
from polyfn_azure.function_json import function_json
from polyfn_azure.settings import AzureSettings
from tests import parts, standalone

PYTHON = "3.13"
#: The pydantic is for what makes function.json, which both lines of the library have to make alike.
NEEDS = ("azure-functions-runtime==1.3.0", "azure-functions==2.3.0", "pydantic==2.*")
PROJECT = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"

[tool.polyfn]
module = "shop"

[tool.polyfn.azure]
loop = "asyncio"
route_prefix = "api"

[tool.polyfn.azure.functions.fulfil]
outputs = [{name = "audit", type = "queue", queueName = "audit"}]

[tool.polyfn.azure.functions.store]
outputs = [{name = "doc", type = "cosmosdb", databaseName = "d", containerName = "c"}]

[tool.polyfn.azure.functions.records]
retry = {count = 4, delay = 5}

[tool.polyfn.azure.functions.feed]
stream = "cosmosdb"

[tool.polyfn.azure.functions.several]
queue = "servicebus"
batch = true
"""
SOURCE = """
import base64
import json

import polyfn
from polyfn import Drop, Events, Http, Message, Queue, Retry, Schedule, Storage, Stream, Topic

started = []


@polyfn.on_start
async def begin() -> None:
    started.append("async")


def seen(*events):
    for event in events:
        names = ("id", "source", "type", "subject", "attempt", "key", "sequence", "origin", "schedule",
                 "bucket", "change", "size", "etag", "content_type")
        told = {name: getattr(event, name, None) for name in names}
        told["time"] = event.time and event.time.isoformat()
        told["attributes"] = dict(event.attributes)
        print("SEEN", json.dumps(told, sort_keys=True), base64.b64encode(event.raw).decode())


@polyfn.function
def hello(event: dict, context: polyfn.Context) -> dict:
    trace = context.trace and context.trace.trace_id
    return {"hello": event.get("name"), "started": started, "id": context.request_id, "trace": trace}


@polyfn.function(Http("GET", "/orders/{order_id}"))
async def show(request: polyfn.Request) -> polyfn.Response:
    reply = polyfn.Response({"id": request.params["order_id"], "query": request.query.items()}, 201)
    reply.set_cookie("a", "1")
    reply.set_cookie("b", "2", path="/")
    return reply


@polyfn.function(Http("POST", "/echo"))
async def echo(request: polyfn.Request):
    yield request.body
    yield b"!"


@polyfn.function(Queue("orders"))
def fulfil(message: Message[bytes], context: polyfn.Context) -> None:
    if message.data == b"retry":
        raise Retry(after=3)
    if message.data == b"drop":
        raise Drop("enough")
    seen(message)
    context.native.outputs["audit"] = message.data


@polyfn.function(Queue("documents"))
async def store(message: Message, context: polyfn.Context) -> None:
    context.native.outputs["doc"] = {"id": message.id, "text": "1234"}


@polyfn.function(Queue("several"))
def several(batch: polyfn.Batch[bytes]) -> None:
    seen(*batch)


@polyfn.function(Topic("news"))
async def news(message: Message[bytes]) -> None:
    seen(message)


@polyfn.function(Stream("hub"))
def records(batch: polyfn.Batch[bytes]) -> None:
    seen(*batch)


@polyfn.function(Stream("db/items"))
def feed(batch: polyfn.Batch) -> None:
    print("SEEN", [[message.id, message.data] for message in batch])


@polyfn.function(Schedule("0 6 * * *"))
def nightly(tick: polyfn.Tick) -> None:
    seen(tick)


@polyfn.function(Storage("uploads"))
def thumbnail(change: polyfn.ObjectChange) -> None:
    seen(change)


@polyfn.function(Events("Some.Thing"))
def events(event: polyfn.Event) -> None:
    print("SEEN", event.id, event.type, event.source, event.subject, event.time.isoformat(), event.data)
"""
ID = "6ad5ed5c-1f3f-4f0d-9c0a-000000000001"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
FROM_HOST = {"X-Azure-Functions-HostVersion": "4.1041.0.0", "X-Azure-Functions-InvocationId": ID}
WHEN = "2024-05-17T16:13:45+00:00"
TIMER = {
    "Schedule": {"AdjustForDST": True},
    "ScheduleStatus": {"Last": WHEN, "Next": WHEN, "LastUpdated": WHEN},
}
GRID = {
    "id": "e1", "topic": "/t", "subject": "s", "eventType": "Some.Thing", "eventTime": WHEN,
    "data": {"a": [1, "1234"]}, "dataVersion": "1",
}  # fmt: skip
CLOUD = {
    "specversion": "1.0", "id": "e2", "source": "/s", "type": "Some.Thing", "time": WHEN, "data": {"a": 1},
    "extension": "x",
}  # fmt: skip
PARTITION = {
    "PartitionId": "3",
    "ConsumerGroup": "$Default",
    "FullyQualifiedNamespace": "n.servicebus.windows.net",
}
DOCUMENTS = [{"id": "1", "a": "true"}, {"id": "2", "_ts": 1700000000}]


def b64(raw):
    return base64.b64encode(raw).decode()


def texts(**facts):
    """Metadata as the worker gets it: texts as they are, anything else as JSON."""
    return {
        name: ["string", value] if isinstance(value, str) else ["json", json.dumps(value)]
        for name, value in facts.items()
    }


def nested(**facts):
    """Metadata as the custom handler gets it: JSON in a string, but for objects."""
    return {name: value if isinstance(value, dict) else json.dumps(value) for name, value in facts.items()}


class Case:
    """One event: the values of the trigger for the worker and in the envelope, and facts for both."""

    def __init__(self, function, name, worker, envelope, /, **facts):
        self.function, self.name, self.worker, self.envelope, self.facts = (
            function,
            name,
            worker,
            envelope,
            facts,
        )


def dated(facts):
    """The worker has dates as JSON texts."""
    told = texts(**facts)
    return {
        name: ["json", json.dumps(value[1])] if value[1] == WHEN else value for name, value in told.items()
    }


QUEUE = {
    "Id": "m1", "DequeueCount": 3, "InsertionTime": WHEN, "ExpirationTime": WHEN, "NextVisibleTime": WHEN,
    "PopReceipt": "p",
}  # fmt: skip
BUS = {
    "MessageId": "b1", "DeliveryCount": 2, "SequenceNumber": 7, "LockToken": "t", "EnqueuedTimeUtc": WHEN,
    "UserProperties": {"colour": "red"}, "SessionId": "s",
}  # fmt: skip
MANY = {
    "MessageIdArray": ["b1", "b2"], "DeliveryCountArray": [1, 2], "SequenceNumberArray": [7, 8],
    "LockTokenArray": ["t", "u"], "EnqueuedTimeUtcArray": [WHEN, WHEN], "UserPropertiesArray": [{"a": 1}, {}],
    "ApplicationPropertiesArray": [{"a": 1}, {}],
}  # fmt: skip
HUB = {
    "SequenceNumberArray": [7, 8], "PartitionKeyArray": ["k", None], "EnqueuedTimeUtcArray": [WHEN, WHEN],
    "OffsetArray": ["1", "2"], "PropertiesArray": [{"a": 1}, {}],
    "SystemPropertiesArray": [{"SequenceNumber": 7}, {"SequenceNumber": 8}], "PartitionContext": PARTITION,
}  # fmt: skip
BLOB = {
    "Uri": "https://a.blob.core.windows.net/uploads/x/y.png",
    "name": "x/y.png",
    "BlobTrigger": "uploads/x/y.png",
}
BODIES = [b"1234", b'{"Id":"forged"}', bytes(range(256))]


def one(function, body, facts):
    return Case(function, "message", ["bytes", b64(body)], b64(body), **facts)


def many(function, name, bodies, facts):
    listed = [b64(body) for body in bodies]
    return Case(function, name, ["collection_bytes", listed], json.dumps(listed), **facts)


CASES = [
    *(one("fulfil", body, QUEUE) for body in (*BODIES, b"drop", b"retry")),
    one("store", b"x", {**QUEUE, "Id": "d1"}),
    *(one("news", body, BUS) for body in BODIES),
    many("several", "message", BODIES[:2], MANY),
    many("records", "messages", BODIES[1:], HUB),
    Case("feed", "messages", ["json", json.dumps(DOCUMENTS)], json.dumps(json.dumps(DOCUMENTS))),
    Case(
        "nightly", "timer", ["json", json.dumps({**TIMER, "IsPastDue": True})], {**TIMER, "IsPastDue": True}
    ),
    Case(
        "thumbnail", "blob", ["bytes", b64(b"\xff1234")], b64(b"\xff1234"), **BLOB, Properties={"Length": 5}
    ),
    *(Case("events", "event", ["json", json.dumps(event)], event) for event in (GRID, CLOUD)),
]


def package(folder, **wanted):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "shop.py").write_text(SOURCE)
    (artifact,) = packaged(PackageRequest(folder, "azure", out=folder / "dist", **wanted), log=lambda _: None)
    return artifact


@pytest.fixture(scope="module")
def native(tmp_path_factory, unpack):
    artifact = package(tmp_path_factory.mktemp("native"), format="native", python=PYTHON)
    root = tmp_path_factory.mktemp("wwwroot")
    unpack(artifact, root)
    return root


@pytest.fixture(scope="module")
def python():
    """A Python 3.13 with Microsoft's runtime for it, made once and kept."""
    program = standalone.here(PYTHON)
    folder = (
        parts.cache()
        / f"azure-runtime-{program.parents[2].name}-{'-'.join(need.partition('*')[0] for need in NEEDS)}"
    )
    with parts.only_one("azure-runtime"):
        if not folder.exists():
            part = folder.with_name(f"{folder.name}.part")
            for command in (
                ["venv", "--clear", "--relocatable", "--python", str(program), str(part)],
                ["pip", "install", "--python", str(part / "bin/python"), "--only-binary", ":all:", *NEEDS],
            ):
                done = subprocess.run(
                    [sys.executable, "-m", "uv", *command, "-q"], capture_output=True, text=True
                )
                if done.returncode != 0:
                    parts.missing(f"uv {command[0]} for azure-functions-runtime: {done.stderr.strip()}")
            part.rename(folder)
    return folder / "bin/python"


@pytest.fixture(scope="module")
def ask(native, python):
    """Runs calls under Microsoft's runtime; gives what it indexed, and for each call (lines, result)."""

    def run(calls):
        program = Path(__file__).with_name("worker.py")
        environment = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [python, program, native],
            input=json.dumps(calls),
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        first, *rest = done.stdout.splitlines()
        answered, lines = [], []
        for line in rest:
            if line.startswith('{"result"'):
                answered.append((lines, json.loads(line)["result"]))
                lines = []
            else:
                lines.append(line)
        assert len(answered) == len(calls), done.stdout
        return json.loads(first), answered

    return run


@pytest.fixture(scope="module")
def under_the_worker(ask):
    calls = [
        {
            "id": ID,
            "function": case.function,
            "inputs": {case.name: case.worker},
            "metadata": dated(case.facts),
        }
        for case in CASES
    ]
    return ask(calls)


@pytest.fixture(scope="module")
def under_the_host(tmp_path_factory, started):
    """The same functions as a custom handler: for each case its lines, its status and its outputs."""
    artifact = package(tmp_path_factory.mktemp("zip"), interpreter="platform", python="3.11")
    lines, answered = [], []
    with started(artifact, tmp_path_factory.mktemp("root"), python=sys.executable, out=lines) as client:
        for case in CASES:
            facts = {name: value for name, value in case.facts.items() if not name.endswith("Trigger")}
            envelope = {"Data": {case.name: case.envelope}, "Metadata": nested(**facts)}
            client.post("/hello", json={"name": "mark"}, headers=FROM_HOST)
            answered.append(client.post(f"/{case.function}", json=envelope, headers=FROM_HOST))
    return [line for line in lines if line.startswith("SEEN")], answered


def test_microsofts_runtime_indexes_it(under_the_worker):
    indexed, _ = under_the_worker
    types = {name: [one["type"] for one in bindings] for name, bindings in indexed["indexed"].items()}
    assert types["hello"] == ["httpTrigger", "http"]
    assert set(types["fulfil"]) == {"queueTrigger", "queue"}
    assert types["feed"] == ["cosmosDBTrigger"]
    assert set(types) == {
        "hello", "show", "echo", "fulfil", "store", "several", "news", "records", "feed", "nightly",
        "thumbnail", "events",
    }  # fmt: skip
    assert indexed["retries"] == {"records": 4}


def test_both_see_the_same(under_the_worker, under_the_host):
    _, answered = under_the_worker
    seen = [line for lines, _ in answered for line in lines if line.startswith("SEEN")]
    expected, _ = under_the_host
    assert len(seen) >= len(CASES) - 2
    assert seen == expected


@pytest.mark.parametrize(
    "at", range(len(CASES)), ids=[f"{at}-{case.function}" for at, case in enumerate(CASES)]
)
def test_both_answer_the_same(under_the_worker, under_the_host, at):
    _, answered = under_the_worker
    _, expected = under_the_host
    result, reply = answered[at][1], expected[at]
    assert result["ok"] == (reply.status_code == 200), (result, reply.text)
    wanted = (reply.json().get("Outputs") if result["ok"] else None) or {}
    outputs = {
        name: value["bytes"] if isinstance(value, dict) else json.loads(value)
        for name, value in result["outputs"].items()
    }
    assert outputs == wanted


def http(method, url, body=b"", **headers):
    return ["http", {"method": method, "url": url, "headers": headers, "body": b64(body)}]


def test_http(ask):
    asked = [
        ("hello", http("POST", "https://x.net/api/hello", b'{"name":"you"}')),
        ("show", http("GET", "https://x.net/api/orders/a%20b?x=1&x=2")),
        ("echo", http("POST", "https://x.net/API/echo", b"\xff\x00")),
        ("show", http("GET", "https://x.net/api/orders/a/")),
        ("hello", http("POST", "https://x.net/api/hello", b"{")),
    ]
    calls = [{"id": ID, "function": name, "inputs": {"req": told}, "trace": TRACE} for name, told in asked]
    _, answered = ask(calls)
    assert all(result["ok"] for _, result in answered)
    hello, show, echo, missing, broken = (result["returned"] for _, result in answered)
    assert json.loads(base64.b64decode(hello["body"])) == {
        "hello": "you", "started": ["async"], "id": ID, "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
    }  # fmt: skip
    assert (show["status"], show["cookies"]) == ("201", ["a=1", "b=2; Path=/"])
    assert json.loads(base64.b64decode(show["body"])) == {"id": "a b", "query": [["x", "1"], ["x", "2"]]}
    assert base64.b64decode(echo["body"]) == b"\xff\x00!"
    assert dict(echo["headers"])["content-type"] == "application/octet-stream"
    assert (missing["status"], broken["status"]) == ("404", "400")


def test_an_interpreter_of_ones_own_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="Azure's own Python"):
        package(tmp_path, format="native", interpreter="host")


def test_its_files(native):
    names = {path.name for path in native.iterdir()}
    assert {"function_app.py", "host.json", "requirements.txt", "runtime", "site", "app"} <= names
    host = json.loads((native / "host.json").read_text())
    assert "customHandler" not in host
    assert host["extensions"]["http"]["routePrefix"] == "api"
    assert not list(native.glob("*/function.json"))


def test_both_lines_of_the_library_make_the_same(python, entry):
    """2.x is for Python 3.13 and later, 1.x for those before (this one, unless it is later itself)."""
    outputs = [
        {"name": "q", "type": "queue", "queueName": "audit"},
        {"name": "t", "type": "servicebus", "topicName": "audit"},
        {"name": "h", "type": "eventhub", "eventHubName": "audit"},
        {"name": "b", "type": "blob", "path": "audit/x"},
        {"name": "c", "type": "cosmosdb", "databaseName": "d", "containerName": "c"},
        {"name": "g", "type": "eventgrid", "topicEndpointUri": "U", "topicKeySetting": "K"},
        {"name": "r", "type": "table", "tableName": "t"},
        {"name": "s", "type": "sql", "commandText": "dbo.t"},
    ]
    entries = [
        entry("f", "call"), entry("f", "http", method="GET", route="/a/{b}"), entry("f", "http"),
        entry("f", "queue", name="q"), entry("f", "topic", name="t"), entry("f", "stream", name="a/b"),
        entry("f", "schedule", cron="* * * * *"), entry("f", "storage", bucket="up", on="created"),
        entry("f", "storage", bucket="up", on="any"), entry("f", "events"),
    ]  # fmt: skip
    settings = [
        {"functions": {"f": {"outputs": outputs}}},
        {"queue": "servicebus", "stream": "cosmosdb", "functions": {"f": {"batch": True}}},
    ]
    pairs = [(one.model_dump(), told) for one in entries for told in settings]
    roots = [Path(module.__file__).parents[1] for module in (polyfn, polyfn_azure)]
    done = subprocess.run(
        [python, "-W", "error", Path(__file__).with_name("library.py")],
        input=json.dumps(pairs), capture_output=True, text=True,
        env={"PATH": os.defpath, "PYTHONPATH": ":".join(map(str, roots)), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    here = [function_json(one, AzureSettings(**told)) for one in entries for told in settings]
    assert json.loads(done.stdout) == here
