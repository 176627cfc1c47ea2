"""Choosing by the declared trigger: once, by its kind, and importing no more than that needs."""

import subprocess
import sys
from pathlib import Path

import pytest

import polyfn
import polyfn_aws
from polyfn import Call, Events, Queue, Schedule, Storage, Stream, Topic, Trigger
from polyfn.errors import TriggerMismatchError, UnsupportedError

ROOTS = [str(Path(polyfn.__file__).parent.parent), str(Path(polyfn_aws.__file__).parent.parent)]


class Dream(Trigger):
    kind = "dream"
    __slots__ = ()


def test_an_unknown_kind_of_trigger_is_refused(deliver):
    with pytest.raises(UnsupportedError, match="dream") as raised:
        deliver(Dream(), lambda event: None, {})
    assert "queue" in raised.value.hint


def test_case_15_the_declared_trigger_decides_every_time(deliver, aws):
    """A payload of another kind changes nothing for the ones behind it."""
    from polyfn.context import Context
    from polyfn.functions import Declaration
    from polyfn.invoke import Invoker
    from polyfn.runtime import json
    from polyfn_aws.runtime.dispatch import dispatcher

    context = Context(request_id="r", function="f", provider="aws")
    dispatch = dispatcher(Invoker(Declaration("f", Call(), lambda event: event)), {})
    direct = b'{"a":1}'
    envelope = json.dumps(aws.rest(aws.Wire("POST", body=direct)))
    for _ in range(2):
        assert dispatch(direct, "application/json", context) == direct
        assert b'"statusCode":200' in dispatch(envelope, "application/json", context)
    for trigger in (Queue("q"), Topic("t"), Stream("s"), Storage("b"), Events(), Schedule("0 6 * * *")):
        with pytest.raises(TriggerMismatchError, match="API Gateway REST request"):
            deliver(trigger, lambda event: None, envelope)


PROGRAM = """
import sys
sys.path[:0] = {roots!r}
before = set(sys.modules)
from polyfn.context import Context
from polyfn.functions import Declaration
from polyfn.invoke import Invoker
from polyfn import {trigger}
from polyfn_aws.runtime.dispatch import dispatcher
invoker = Invoker(Declaration("f", {made}, lambda: None))
dispatch = dispatcher(invoker, {{}})
dispatch({body!r}, "application/json", Context(request_id="r", function="f", provider="aws"))
print(*sorted(set(sys.modules) - before))
"""

SQS = b'{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{}"}]}'
BUS = b'{"id":"1","source":"s","detail-type":"t","detail":{}}'
ALB = (
    b'{"requestContext":{"elb":{"targetGroupArn":"arn:x"}},"httpMethod":"GET","path":"/",'
    b'"headers":{"host":"h"},"queryStringParameters":{"a":"%20"},"body":"","isBase64Encoded":false}'
)


@pytest.mark.parametrize(
    ("made", "body", "wanted"),
    [
        ("Call()", b'{"a":1}', {"call"}),
        ("Call()", ALB, {"call", "http", "http_in", "http_out", "verify"}),
        ("Http()", ALB, {"http", "http_in", "http_out", "verify"}),
        ("Queue('q')", SQS, {"attributes", "messages", "queues", "verify"}),
        ("Events()", BUS, {"events", "single", "verify"}),
        ("Schedule('0 6 * * *')", BUS.replace(b'"t"', b'"Scheduled Event"').replace(b'"s"', b'"aws.events"'),
         {"events", "schedule", "single", "verify"}),
    ],
)  # fmt: skip
def test_only_what_the_trigger_needs_is_imported(made, body, wanted):
    program = PROGRAM.format(roots=ROOTS, trigger=made.partition("(")[0], made=made, body=body)
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    modules = set(run.stdout.split())
    mine = {name.rpartition(".")[2] for name in modules if name.startswith("polyfn_aws.runtime.")}
    assert mine - {"answers"} == wanted | {"dispatch"}
    if "elb" in body.decode():
        return
    assert "polyfn.runtime.replies" not in modules


@pytest.mark.parametrize("body", [ALB, SQS, b"{}"])
def test_no_standard_library_module_in_python_is_imported(body):
    trigger = {ALB: "Http()", SQS: "Queue('q')"}.get(body, "Call()")
    program = PROGRAM.format(roots=ROOTS, trigger=trigger.partition("(")[0], made=trigger, body=body)
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    others = {name for name in run.stdout.split() if not name.startswith(("polyfn", "_"))}
    assert others <= {"binascii", "time"}
