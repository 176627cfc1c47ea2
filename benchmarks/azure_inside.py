"""The second half of azure_handler.py, run by it in a newer Python: one process, two runtimes, no wire.

    python azure_inside.py FOLDER-WITH-POLYFN ROUNDS ENVELOPE

Prints JSON: microseconds of CPU per invocation, by name.
"""

import asyncio
import base64
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

APP = """
import json
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.queue_trigger(arg_name="message", queue_name="orders", connection="AzureWebJobsStorage")
async def take(message: func.QueueMessage):
    json.loads(message.get_body())["item"]

@app.queue_trigger(arg_name="message", queue_name="orders", connection="AzureWebJobsStorage")
def sync_take(message: func.QueueMessage):
    json.loads(message.get_body())["item"]

@app.route(route="hello")
async def hello(req: func.HttpRequest):
    return func.HttpResponse(json.dumps({"message": "hello"}), mimetype="application/json")

@app.route(route="sync_hello")
def sync_hello(req: func.HttpRequest):
    return func.HttpResponse(json.dumps({"message": "hello"}), mimetype="application/json")
"""
ID = "5c1a2b3c-0000-4000-8000-000000000001"
COUNT = 2000

Once = Callable[[], Coroutine[Any, Any, None]]


def microsofts(folder: Path, envelope: dict[str, Any]) -> dict[str, Once]:
    """Microsoft's runtime, entered where its host of today enters it, with values already decoded."""
    from azure_functions_runtime import handle_event, native_invocation
    from azure_functions_runtime.bindings import datumdef, meta
    from azure_functions_runtime.utils import threadpool

    # The gRPC protocol's classes are the worker's, and are only filled in here.
    anything: Any = MagicMock()
    # Its own numbers of directions (FunctionRpc.proto).
    anything.BindingInfo.configure_mock(**{"in": 0, "out": 1, "inout": 2, "undefined": 0})
    handle_event.protos = anything
    meta.load_binding_registry()
    threadpool.start_threadpool_executor()
    (folder / "function_app.py").write_text(APP)
    sys.path.insert(0, str(folder))
    handle_event.index_functions(str(folder / "function_app.py"), str(folder))
    functions = {one.name: key for key, one in handle_event._functions._functions.items()}  # noqa: SLF001
    datum = datumdef.Datum
    message = datum(base64.b64decode(envelope["Data"]["message"]), "bytes")
    metadata = {key: datum(json.dumps(value), "json") for key, value in envelope["Metadata"].items()}
    texts = {"method": "GET", "url": "http://127.0.0.1/api/hello"}
    request = datum(
        {**{key: datum(value, "string") for key, value in texts.items()}, "headers": {}, "query": {},
         "params": {}, "body": datum(b"", "bytes")}, "http",
    )  # fmt: skip

    def invoking(name: str, parameter: str, value: Any, told: dict[str, Any]) -> Once:
        async def once() -> None:
            answer = await native_invocation.invocation_request_native(
                ID, functions[name], [(parameter, value)], told
            )
            assert answer[0], answer

        return once

    return {
        "azure-functions-runtime, queue, async": invoking("take", "message", message, metadata),
        "azure-functions-runtime, queue, sync": invoking("sync_take", "message", message, metadata),
        "azure-functions-runtime, HTTP, async": invoking("hello", "req", request, {}),
        "azure-functions-runtime, HTTP, sync": invoking("sync_hello", "req", request, {}),
    }


def polyfns(envelope: bytes) -> dict[str, Once]:
    """Make polyfn's application, called as its server calls it."""
    import polyfn
    from polyfn.functions import declared
    from polyfn.invoke import Invoker
    from polyfn_azure.runtime.context import maker
    from polyfn_azure.runtime.dispatch import dispatcher
    from polyfn_azure.runtime.ping import Pinged

    @polyfn.function(polyfn.Queue("orders"))
    async def take(message: polyfn.Message[Any]) -> None:
        message.data["item"]

    @polyfn.function(polyfn.Queue("orders"))
    def sync_take(message: polyfn.Message[Any]) -> None:
        message.data["item"]

    @polyfn.function(polyfn.Http("GET", "/hello"))
    async def hello(_request: polyfn.Request[Any]) -> dict[str, str]:
        return {"message": "hello"}

    @polyfn.function(polyfn.Http("GET", "/sync_hello"))
    def sync_hello(_request: polyfn.Request[Any]) -> dict[str, str]:
        return {"message": "hello"}

    invokers = [Invoker(declared[name]) for name in ("take", "sync_take", "hello", "sync_hello")]
    app = Pinged(dispatcher(invokers, {}), maker("app", {}))
    host = [
        (b"host", b"127.0.0.1:4000"), (b"x-azure-functions-invocationid", ID.encode()),
        (b"x-azure-functions-hostversion", b"4.1041.0.0"), (b"user-agent", b"Azure-Functions-Host/4.1"),
    ]  # fmt: skip
    length = [(b"content-type", b"application/json"), (b"content-length", str(len(envelope)).encode())]

    def asking(method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Once:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            raise AssertionError(message)

        def whole(status: int, _headers: Any, _body: bytes) -> bool:
            assert status == 200
            return True

        async def once() -> None:
            scope = {
                "type": "http", "http_version": "1.1", "method": method, "path": path,
                "raw_path": path.encode(), "query_string": b"", "headers": [*host, *headers],
                "client": ("127.0.0.1", 1), "scheme": "http", "server": ("127.0.0.1", 4000),
                "root_path": "", "extensions": {"polyfn.reply": {"whole": whole}},
            }  # fmt: skip
            await app(scope, receive, send)

        return once

    mark = [(b"x-ms-invocation-id", ID.encode())]
    return {
        "polyfn, queue, async": asking("POST", "/take", length, envelope),
        "polyfn, queue, sync": asking("POST", "/sync_take", length, envelope),
        "polyfn, HTTP, async": asking("GET", "/hello", mark, b""),
        "polyfn, HTTP, sync": asking("GET", "/sync_hello", mark, b""),
    }


async def measured(subjects: dict[str, Once], rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, once in subjects.items():
            await once()
            begun = time.process_time()
            for _ in range(COUNT):
                await once()
            found[name].append((time.process_time() - begun) / COUNT * 1e6)
    return {name: round(statistics.median(values), 2) for name, values in found.items()}


def main() -> None:
    runtime, rounds, envelope = sys.argv[1:4]
    sys.path.insert(0, runtime)
    from polyfn.runtime import aio

    with tempfile.TemporaryDirectory() as folder:
        subjects = polyfns(envelope.encode()) | microsofts(Path(folder), json.loads(envelope))
        loop = aio.loop()
        asyncio.set_event_loop(loop)
        aio.adopt()
        print(json.dumps(loop.run_until_complete(measured(subjects, int(rounds)))))


if __name__ == "__main__":
    main()
