"""Microsoft's own Python runtime, without its host: run by Python 3.13 with azure-functions-runtime.

    python worker.py ROOT < calls.json

indexes ROOT/function_app.py and runs each call of `[{"function", "inputs", "metadata", ...}]`. It writes one
JSON line `{"indexed": ...}`, then for each call the lines of the function and `{"result": ...}`.
"""

import asyncio
import base64
import json
import sys
import types

from azure_functions_runtime import handle_event, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.utils import threadpool


class Message:
    """Stands for a protobuf message: what indexing makes and never sends."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


class BindingInfo(Message):
    inout, out, undefined = 2, 1, None


def datum(told):
    """`[type, value]` as a Datum; bytes are base64, and collections and HTTP have Datums inside."""
    kind, value = told
    if kind == "bytes":
        value = base64.b64decode(value)
    elif kind == "collection_bytes":
        value = types.SimpleNamespace(bytes=[base64.b64decode(one) for one in value])
    elif kind == "http":
        headers = {name: Datum(text, "string") for name, text in value["headers"].items()}
        texts = {name: Datum(value[name], "string") for name in ("method", "url")}
        body = Datum(base64.b64decode(value["body"]), "bytes")
        value = {**texts, "headers": headers, "params": {}, "query": {}, "body": body}
    return Datum(value, kind)


def plain(found):
    """A Datum as JSON."""
    if found is None or found.value is None:
        return None
    if isinstance(found.value, bytes):
        return {"bytes": base64.b64encode(found.value).decode()}
    if found.type != "http":
        return found.value
    told = found.value
    headers = [[name, value.value] for name, value in told["headers"].items()]
    cookies = [cookie.OutputString() for jar in told["cookies"] or () for cookie in jar.values()]
    body = base64.b64encode(told["body"].value).decode()
    return {"status": told["status_code"].value, "headers": headers, "cookies": cookies, "body": body}


async def main(root):
    handle_event.protos = types.SimpleNamespace(
        BindingInfo=BindingInfo, RpcRetryOptions=Message, RpcFunctionMetadata=Message
    )
    load_binding_registry()
    threadpool.start_threadpool_executor()
    sys.path.insert(0, root)
    indexed = handle_event.index_functions(f"{root}/function_app.py", root)
    names = {one.name: one.function_id for one in indexed}
    bindings = {one.name: [json.loads(raw) for raw in one.raw_bindings] for one in indexed}
    retries = {one.name: one.retry_options.max_retry_count for one in indexed if one.retry_options}
    print(json.dumps({"indexed": bindings, "retries": retries}), flush=True)
    for call in json.load(sys.stdin):
        inputs = [(name, datum(told)) for name, told in call["inputs"].items()]
        metadata = {name: datum(told) for name, told in call.get("metadata", {}).items()}
        ok, returned, outputs, error, _ = await native_invocation.invocation_request_native(
            call["id"], names[call["function"]], inputs, metadata, trace_parent=call.get("trace", "")
        )
        written = {name: plain(value) for name, value in outputs}
        told = {"ok": ok, "returned": plain(returned), "outputs": written, "error": error}
        print(json.dumps({"result": told}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
