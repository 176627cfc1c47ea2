"""What `polyfn check` finds, function by function."""

import pytest

from polyfn.toolchain.checks import capabilities, check, refuse
from polyfn.toolchain.errors import CapabilityError
from polyfn.toolchain.manifest import FunctionEntry, Manifest
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.provider import Capability, NoSettings, Platform, Provider


def provider(*can, **more):
    return Provider(
        name="fly", api=1, summary="", capabilities=frozenset(can), platforms=(Platform("amd64", (2, 26)),),
        runtime="x", ships=(), package=lambda build: None, **more,
    )  # fmt: skip


def function(
    kind, *, style="sync", native=(), retry_delays=(), defers=(), application=None, line=3, **settings
):
    trigger = {"kind": kind, **settings}
    return FunctionEntry(
        name="f", module="app", handler="f", trigger=trigger, style=style, arity=1, level="payload",
        native=native, retry_delays=retry_delays, defers=defers, application=application, line=line,
    )  # fmt: skip


def found(entry, *can, **manifest):
    return [
        (finding.severity, finding.message, finding.place)
        for finding in capabilities(Manifest(functions=(entry,), **manifest), provider(*can))
    ]


@pytest.mark.parametrize(
    "kind", ["call", "http", "queue", "topic", "stream", "schedule", "storage", "events"]
)
def test_a_trigger_that_is_not_delivered_is_an_error(kind):
    assert found(function(kind)) == [
        ("error", f"f is triggered by {kind}, which fly does not deliver", "app:3")
    ]
    assert [f for f in found(function(kind), *Capability) if f[0] == "error"] == []


def test_a_trigger_of_a_plugin_is_a_capability_by_its_word():
    assert found(function("tide")) != []
    assert found(function("tide"), "tide") == []


@pytest.mark.parametrize("style", ["generator", "async generator"])
def test_a_reply_that_streams(style):
    [(severity, message, _)] = found(function("http", style=style), Capability.HTTP)
    assert severity == "warning"
    assert message == "f streams its reply; fly sends it only when it is complete"
    assert found(function("http", style=style), Capability.HTTP, Capability.HTTP_STREAMING) == []


@pytest.mark.parametrize("kind", ["queue", "stream"])
def test_partial_failure(kind):
    [(severity, message, _)] = found(function(kind), kind)
    assert severity == "warning"
    assert "has its whole delivery repeated" in message
    assert found(function(kind), kind, Capability.PARTIAL_BATCH) == []


def test_native_is_a_note_at_its_place():
    notes = found(function("call", native=("app.py:7", "app.py:9")), Capability.CALL)
    assert [(severity, place) for severity, _, place in notes] == [("note", "app.py:7"), ("note", "app.py:9")]


def test_a_retry_delay_is_a_warning_where_a_message_cannot_carry_it():
    asks = function("queue", retry_delays=("app.py:7",))
    [(severity, message, place)] = found(asks, Capability.QUEUE, Capability.PARTIAL_BATCH)
    assert (severity, place) == ("warning", "app.py:7")
    assert "Retry(after=...)" in message
    everything = frozenset(Capability)
    assert found(asks, *everything) == []
    over_http = function("http", retry_delays=("app.py:7",))
    assert found(over_http, *everything - {Capability.RETRY_DELAY}) == []


def test_deferred_work_is_a_warning_where_there_is_no_cpu_for_it():
    asks = function("call", defers=("app.py:8",))
    [(severity, message, place)] = found(asks, Capability.CALL)
    assert (severity, place) == ("warning", "app.py:8")
    assert "may never run" in message
    assert found(asks, Capability.CALL, Capability.DEFER) == []


def test_stop_hooks():
    [(severity, message, place)] = found(function("call"), Capability.CALL, stop_hooks=1)
    assert (severity, place) == ("warning", None)
    assert "on_stop hooks and resources are not closed" in message
    assert found(function("call"), Capability.CALL, Capability.STOP_HOOKS, stop_hooks=1) == []


@pytest.mark.parametrize(
    ("capability", "words"),
    [
        (Capability.HTTP_STREAMING, "what f streams, fly sends only when it is complete"),
        (Capability.DEFER, "background tasks of f may never run"),
        (Capability.STOP_HOOKS, "f is not told to shut down"),
    ],
)
def test_an_application_may_ask_for_all_that_http_can_give(capability, words):
    asks = function("http", style="async", application="fastapi.applications.FastAPI")
    [(severity, message, place)] = found(asks, *frozenset(Capability) - {capability})
    assert (severity, place) == ("warning", "app:3")
    assert words in message
    assert found(asks, *Capability) == []


def test_the_worst_come_first(site, monkeypatch):
    monkeypatch.setenv("POLYFN_PLUGINS", "")
    answers = [("note", "n"), ("error", "e"), ("warning", "w")]
    told = check(
        Manifest(functions=(function("call", native=("app.py:7",)),)),
        provider(Capability.CALL, checks=lambda manifest, settings: answers),
        NoSettings(),
        Plugins().hook,
    )
    assert [finding.severity for finding in told] == ["error", "warning", "note", "note"]
    assert told[0].describe() == {
        "severity": "error", "target": "fly", "message": "e", "function": None, "place": None,
    }  # fmt: skip


def test_refusing():
    manifest = Manifest(functions=(function("queue"),))
    with pytest.raises(
        CapabilityError, match="f is triggered by queue, which fly does not deliver"
    ) as caught:
        refuse(manifest, provider(Capability.CALL))
    assert "polyfn check --target fly" in caught.value.hint
    refuse(manifest, provider(Capability.QUEUE))
