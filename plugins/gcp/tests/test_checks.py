"""What `polyfn check` says of settings that only Google Cloud knows."""

import pytest

from polyfn.toolchain.manifest import FunctionEntry, Manifest
from polyfn_gcp.checks import checks
from polyfn_gcp.settings import GcpSettings


def entry(name, kind, **more):
    trigger = {"kind": kind} | more.pop("trigger", {})
    return FunctionEntry(
        name=name, module="app", handler="f", trigger=trigger, style="sync", arity=1, level="payload", **more
    )


def found(*entries):
    return checks(Manifest(functions=entries), GcpSettings())


@pytest.mark.parametrize("kind", ["queue", "topic"])
def test_what_never_succeeds_comes_for_days(kind):
    [(severity, message)] = found(entry("f", kind))
    assert severity == "note"
    assert "dead-letter topic" in message


@pytest.mark.parametrize("kind", ["call", "http", "schedule", "storage", "events"])
def test_nothing_else_is_said(kind):
    assert found(entry("f", kind)) == []


def test_who_heeds_a_delay():
    [(severity, message)] = found(entry("f", "schedule", retry_delays=("app.py:3",)))
    assert (severity, "Cloud Tasks heeds the delay" in message) == ("note", True)
    assert found(entry("f", "http", retry_delays=("app.py:3",))) == []


def test_two_functions_for_the_same():
    one = entry("a", "storage", trigger={"bucket": "b", "on": "any"})
    [(severity, message)] = found(
        one, one.model_copy(update={"name": "c"}), entry("d", "call"), entry("e", "call")
    )
    assert severity == "warning"
    assert message.startswith("a and c declare the same trigger")
