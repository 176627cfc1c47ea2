"""What the golden suite has delivered: as the emulator posts it, and what golden cases do not ask for."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from polyfn import Events, Queue, Schedule, Storage, Stream, Topic
from polyfn.testing import change, event, message, tick
from polyfn.toolchain.dialect import Logged, Settled
from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Invoked
from polyfn_azure.dialect import forms, logged, settled
from polyfn_azure.emulator import facts
from polyfn_azure.emulator.account import account
from polyfn_azure.emulator.bindings import Binding, Function
from polyfn_azure.emulator.blobs import Blob, Blobs
from polyfn_azure.emulator.encoding import encode, metadata
from polyfn_azure.emulator.queues import Message
from polyfn_azure.emulator.timers import Timer

WHEN = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
FAILED = Invoked(b"", "Response status code does not indicate success: 500.", 500)


def formed(trigger, *events):
    entry = FunctionEntry(
        name="f", module="m", handler="f", trigger=trigger.describe(), style="sync", arity=1, level="payload"
    )
    return {form.name: form for form in forms(entry, events)}


def same(native, posted, *, but=()):
    """Whether an envelope has what the emulator posts: the same names, and the same values but for some."""
    told = native["Metadata"]
    assert told.keys() == posted.keys()
    assert told["sys"].keys() == posted["sys"].keys()
    for name in posted.keys() - {"sys", *but}:
        assert told[name] == posted[name], name
    for name in but:
        assert type(told[name]) is type(posted[name]), name


def test_a_message_of_a_storage_queue_is_as_the_emulator_posts_it():
    sent = message(b"\xff1234", id="a", attempt=3, time=WHEN)
    [native] = formed(Queue("q"), sent)["storage-queue"].deliveries
    polled = Message("a", "receipt", 3, WHEN, WHEN + timedelta(7), WHEN + timedelta(minutes=10), "/zEyMzQ=")
    posted = metadata(facts.of_queue("f", polled, "left out"))
    same(native, posted, but=("ExpirationTime", "NextVisibleTime", "PopReceipt"))
    assert native["Data"] == {"message": encode(b"\xff1234")}


def test_a_blob_is_as_the_emulator_posts_it():
    [native] = formed(Storage("b"), change("b", "ä b%20c", size=7)).pop("blob").deliveries
    blobs = Blobs(account("x", "AccountName=samplestorage;AccountKey=eA=="))
    properties = Blob("ä b%20c", "0x1", WHEN, 7, "text/plain").properties()
    posted = metadata(facts.of_blob("f", blobs.url("b/ä b%20c"), properties, {}, {"name": "ä b%20c"}))
    same(native, posted, but=("Properties",))
    assert native["Metadata"]["Properties"]["ContentLength"] == 7
    reference = facts.blob_reference("AzureWebJobsStorage", "b/ä b%20c")
    assert native["Data"]["blob"].keys() == facts.deferred("AzureStorageBlobs", reference).keys()


def test_a_timer_is_as_the_emulator_posts_it():
    [native] = formed(Schedule("30 6 * * *"), tick(time=WHEN))["timer"].deliveries
    binding = Binding("timer", "timertrigger", "in", None, {"schedule": "0 30 6 * * *"})
    posted = Timer(Function("f", (binding,)), None, print, "").value(WHEN - timedelta(1), WHEN)
    timer = native["Data"]["timer"]
    assert (timer.keys(), timer["ScheduleStatus"].keys()) == (posted.keys(), posted["ScheduleStatus"].keys())
    assert (timer["Schedule"], timer["IsPastDue"]) == (posted["Schedule"], False)
    assert native["Metadata"]["sys"]["UtcNow"] == "2026-03-01T06:30:00Z"


def test_messages_with_a_key_come_by_service_bus_in_order(azure):
    sent = [message({"n": n}, id=str(n), attempt=n + 1, key="k", attributes={"a": str(n)}) for n in range(3)]
    found = formed(Queue("q"), *sent)
    assert {name: (form.ordered, len(form.deliveries)) for name, form in found.items()} == {
        "service-bus": (True, 3),
        "service-bus-batch": (True, 1),
    }
    [batch] = found["service-bus-batch"].deliveries
    came = azure.decode(Queue("q"), batch["Data"], batch["Metadata"])
    assert [(one.id, one.attempt, one.key, one.attributes["a"], one.data) for one in came] == [
        (str(n), n + 1, "k", str(n), {"n": n}) for n in range(3)
    ]


def test_a_container_of_cosmos_db_has_documents(azure):
    sent = [message({"n": 1}, id="a", time=WHEN), message({"n": 2}, id="b", time=WHEN)]
    [form] = formed(Stream("db/docs"), *sent).values()
    assert (form.name, form.ordered) == ("cosmos-db", True)
    [native] = form.deliveries
    came = azure.decode(Stream("db/docs"), native["Data"], native["Metadata"], stream="cosmosdb")
    assert [(one.id, one.time, one.data["n"]) for one in came] == [("a", WHEN, 1), ("b", WHEN, 2)]
    assert [one.attempt for one in came] == [None, None]
    assert formed(Stream("db/docs"), message(b"no document")) == {}


@pytest.mark.parametrize(("raw", "names"), [
    (b'{"a": 1}', ["event-grid", "cloud-event"]),
    ("wörld".encode(), ["cloud-event"]),
    (b"\xff\x00", ["cloud-event"]),
])  # fmt: skip
def test_what_event_grid_can_say_of_a_message(azure, raw, names):
    found = formed(Topic("t"), message(raw, attributes={"color": "red"}))
    assert [name for name in found if not name.startswith("service-bus")] == names
    [native] = found["cloud-event"].deliveries
    [came] = azure.decode(Topic("t"), native["Data"], native["Metadata"])
    assert came.attributes["color"] == "red"
    assert came.raw == raw.replace(b" ", b"")


def test_in_event_grids_own_schema_the_source_is_its_topic():
    sent = event({}, type="a.b", source="shop")
    assert list(formed(Events("a.b", source="shop"), sent)) == ["cloud-event"]
    found = formed(Events("a.b"), sent)
    [native] = found["event-grid"].deliveries
    assert native["Data"]["event"]["topic"].startswith("/subscriptions/")
    assert found["event-grid"].own == {"source"}


def test_what_was_delivered_together_fails_together():
    sent = [message({}, key="k"), message({}, key="k")]
    for trigger in (Queue("q"), Stream("s")):
        for form in formed(trigger, *sent).values():
            counts = [len(settled(native, FAILED)) for native in form.deliveries]
            assert sum(counts) == 2, form.name
            assert settled(form.deliveries[0], FAILED)[0] == Settled(again=True)
            assert settled(form.deliveries[0], Invoked(b"", None, 200))[0] == Settled(again=False)
    assert settled({"method": "POST", "path": "/f"}, FAILED) == [Settled(again=True)]


@pytest.mark.parametrize("line", [
    "Executing 'Functions.f' (Reason='polyfn invoke', Id=1)",
    "[Error] Executed 'Functions.f' (Failed, Id=1, Duration=1ms)",
    "[Error] Response status code does not indicate success: 500.",
    "polyfn: the client left (Id=1)",
])  # fmt: skip
def test_the_hosts_own_lines_are_not_the_functions(line):
    assert logged(line) is None


@pytest.mark.parametrize("line", ["text", "{", "[1]", '{"a": 1}', "[Error] on standard error", "[Warning] w"])
def test_all_else_was_printed(line):
    assert logged(line) == Logged(line)


def test_a_line_of_the_log():
    told = {"level": "ERROR", "message": "it failed: KeyError: 'x'", "function": "f", "invocation_id": "1"}
    assert logged(json.dumps(told)) == Logged("it failed: KeyError: 'x'", "ERROR", "f", "1")
    told |= {"error": "KeyError", "stack_trace": "Traceback"}
    assert logged(json.dumps(told)) == Logged("it failed", "ERROR", "f", "1", "KeyError")
