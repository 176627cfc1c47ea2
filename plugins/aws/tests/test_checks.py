"""What `polyfn check` says of settings that only AWS knows."""

import pytest

from polyfn.toolchain.manifest import FunctionEntry, Manifest
from polyfn_aws.checks import checks
from polyfn_aws.settings import AwsSettings


def notes(kind, style="sync", application=None, **settings):
    entry = FunctionEntry(
        name="f", module="app", handler="f", trigger={"kind": kind}, style=style, arity=1, level="payload",
        application=application,
    )  # fmt: skip
    return checks(Manifest(functions=(entry,)), AwsSettings(**settings))


@pytest.mark.parametrize("kind", ["queue", "stream"])
def test_partial_batches_need_a_setting_of_the_event_source(kind):
    [(severity, message)] = notes(kind)
    assert severity == "note"
    assert "ReportBatchItemFailures" in message
    assert notes(kind, partial_batch=False) == []


@pytest.mark.parametrize("kind", ["call", "http"])
def test_streaming_needs_an_invoke_mode(kind):
    [(_, message)] = notes(kind, "generator")
    assert "RESPONSE_STREAM" in message
    assert "function-url" in message
    assert notes(kind) == []


def test_an_application_may_stream():
    [(_, message)] = notes("http", "async", "fastapi.applications.FastAPI")
    assert "RESPONSE_STREAM" in message


@pytest.mark.parametrize("kind", ["topic", "schedule", "storage", "events"])
def test_nothing_else_is_said(kind):
    assert notes(kind) == []
