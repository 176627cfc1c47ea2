"""What ships is tiny: an invocation is read, decoded and answered with next to nothing imported."""

import json
import subprocess
import sys
from pathlib import Path

import polyfn
import polyfn_azure

ROOTS = [str(Path(polyfn.__file__).parent.parent), str(Path(polyfn_azure.__file__).parent.parent)]
#: Modules that cost more to import than everything that is needed.
DEAR = {
    "asyncio", "typing", "re", "json", "logging", "inspect", "dataclasses", "enum", "pydantic", "pluggy",
    "socket", "functools", "collections", "contextlib", "threading", "datetime", "pathlib", "traceback",
    "urllib", "http", "concurrent", "types", "warnings", "azure",
}  # fmt: skip
MESSAGE = json.dumps({"a": "test"})
BODY = json.dumps({"Data": {"message": json.dumps(MESSAGE)}, "Metadata": {"DequeueCount": "2"}}).encode()
PROGRAM = """
import sys
sys.path[:0] = {roots!r}
before = set(sys.modules)
import polyfn
from polyfn_azure.runtime import start, dispatch, enveloped, logs
from polyfn_azure.runtime.context import maker
from polyfn.http import Headers, Request
from polyfn.invoke import Invoker

@polyfn.function(polyfn.Queue("q"))
def f(message, context):
    context.native.outputs["audit"] = message["a"]

settings = {{"functions": {{"f": {{"outputs": [{{"name": "audit", "type": "queue"}}]}}}}}}
logs.install(settings)
from polyfn.functions import declared
invokers = [Invoker(one) for one in declared.values()]
dispatch.dispatcher(invokers, settings)
from polyfn_azure.runtime.answers import reply_of
from polyfn_azure.runtime.envelope import read
function = enveloped.Function(invokers[0], settings)
body = {body!r}
request = Request(method="POST", raw_path="/f", headers=Headers({{"traceparent": "x"}}), body=body)
context = maker("f", settings)(request)
invocation = read("f", request)
context.native.take(invocation, function.outputs)
messages = function.home.decode(invocation, invokers[0].declaration, settings)
assert invokers[0].deliver(messages, context) == []
reply = reply_of([], context.native.written, context)
assert reply.body == b'{{"Outputs":{{"audit":"dGVzdA=="}},"Logs":[],"ReturnValue":null}}', reply.body
print(*sorted(set(sys.modules) - before))
"""


def test_an_invocation_imports_next_to_nothing():
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", PROGRAM.format(roots=ROOTS, body=BODY)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    gained = set(done.stdout.split())
    assert "polyfn_azure.runtime.queues" in gained
    assert not gained & DEAR
    # No other decoder, and neither half of HTTP in the envelope.
    others = {"topics", "streams", "schedule", "storage", "events", "servicebus", "http_in", "http_out"}
    assert not gained & {f"polyfn_azure.runtime.{name}" for name in others}
