"""What `polyfn check` says for Azure, what packaging refuses, and which transports host.json turns on."""

import pytest

from polyfn_azure.checks import checks
from polyfn_azure.host_json import custom_handler, host_json
from polyfn_azure.refusals import refusals
from polyfn_azure.settings import AzureSettings
from polyfn_azure.transports import plan

OUTPUT = {"name": "audit", "type": "queue", "queueName": "audit"}


@pytest.fixture
def said(manifest):
    def say(*entries, **settings):
        return checks(manifest(*entries), AzureSettings(**settings))

    return say


@pytest.fixture
def switches(manifest):
    def read(*entries, **settings):
        written = custom_handler(plan(manifest(*entries), AzureSettings(**settings)), ("start",))
        return written["enableProxyingHttpRequest"], written["enableForwardingHttpRequest"]

    return read


def texts(found, severity):
    return [message for kind, message in found if kind == severity]


@pytest.mark.parametrize("name", ["host", "Host", "1st", "_f", "f.g", "f" * 129, "start"])
def test_a_name_that_is_none(entry, manifest, name):
    assert len(list(refusals(manifest(entry(name)), AzureSettings()))) == 1


@pytest.mark.parametrize("name", ["f", "F_1", "app", "site", "f" * 128, "a-b"])
def test_a_name_that_is_one(entry, manifest, name):
    assert list(refusals(manifest(entry(name)), AzureSettings())) == []


def test_names_that_differ_by_case_alone(entry, manifest):
    [message] = refusals(manifest(entry("orders"), entry("Orders")), AzureSettings())
    assert "one name to Azure" in message


def test_routes_that_are_one_to_the_host(entry, manifest):
    one = entry("a", "http", method="GET", route="/orders/{id}")
    twin = entry("b", "http", method="GET", route="/Orders/{name}/")
    [message] = refusals(manifest(one, twin), AzureSettings())
    assert message.startswith("a and b have one route")
    other = entry("b", "http", method="POST", route="/Orders/{name}/")
    assert list(refusals(manifest(one, other), AzureSettings())) == []


def test_settings_of_no_function(entry, manifest):
    [message] = refusals(manifest(entry("f")), AzureSettings(functions={"g": {}}))
    assert "tool.polyfn.azure.functions.g" in message


def test_a_cron_that_means_something_else_is_an_error_with_advice(entry, said):
    [message] = texts(said(entry("f", "schedule", cron="0 0 1 * 1")), "error")
    assert "declare two functions" in message


def test_forwarding_is_off_where_a_request_could_pass_for_an_event(entry, switches, said):
    queue, all_paths = entry("orders", "queue", name="q"), entry("web", "http")
    posted = entry("take", "http", method="POST", route="/{name}")
    got = entry("show", "http", method="GET", route="/{name}")
    assert switches(queue, got) == (True, True)
    assert switches(queue, all_paths) == (True, False)
    assert switches(queue, posted) == (True, False)
    assert switches(queue, posted, route_prefix="api") == (True, True)
    assert any("before 4.1041" in text for text in texts(said(queue, all_paths), "note"))


def test_to_forward_what_could_pass_for_an_event_is_an_error(entry, said, manifest):
    entries = (entry("orders", "queue", name="q"), entry("web", "http"))
    [message] = texts(said(*entries, transport="forward"), "error")
    assert "cannot be told from an event for orders" in message
    assert list(refusals(manifest(*entries), AzureSettings(transport="forward", route_prefix="api"))) == []


@pytest.mark.parametrize(
    ("transport", "expected"),
    [("proxy", (True, True)), ("forward", (False, True)), ("envelope", (False, False))],
)
def test_each_transport(entry, switches, transport, expected):
    assert switches(entry("f"), transport=transport) == expected


def test_an_app_without_http_turns_nothing_on(entry, switches):
    assert switches(entry("f", "queue", name="q")) == (False, False)


def test_what_the_envelope_cannot_carry(entry, said):
    [message] = texts(said(entry("f"), transport="envelope"), "warning")
    assert "second cookie" in message
    [message] = texts(said(entry("f"), functions={"f": {"outputs": [OUTPUT]}}), "warning")
    assert "since it writes audit" in message
    assert texts(said(entry("f")), "warning") == []


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"transport": "envelope"}, "sent only when"),
        ({"transport": "forward"}, "is not streamed"),
        ({}, None),
    ],
)
def test_what_is_not_streamed(entry, said, settings, word):
    streams = entry("f", "http", style="async generator", route="/s")
    found = texts(said(streams, **settings), "warning")
    assert any(word in text for text in found) if word else found == []


def test_what_is_lost_after_a_failure(entry, said):
    stream = entry("f", "stream", name="hub")
    assert any("is lost" in text for text in texts(said(stream), "warning"))
    assert texts(said(stream, functions={"f": {"retry": {"count": 3}}}), "warning") == []


def test_where_messages_end(entry, said):
    [queue] = texts(said(entry("f", "queue", name="orders")), "note")
    assert "orders-poison" in queue
    notes = texts(said(entry("f", "topic", name="news")), "note")
    assert any("dead-letter" in text for text in notes)
    assert any("subscription 'f'" in text for text in notes)
    found = said(entry("f", "queue", name="q"), queue="servicebus", functions={"f": {"batch": True}})
    assert any("whole delivery comes again" in text for text in texts(found, "warning"))


def test_what_event_grid_has_to_send(entry, said):
    [blob] = texts(said(entry("f", "storage", bucket="up", on="created")), "note")
    assert "BlobCreated" in blob
    [event] = texts(said(entry("f", "storage", bucket="up", on="any")), "note")
    assert "container up" in event
    [scan] = texts(
        said(entry("f", "storage", bucket="up", on="created"), blob_source="LogsAndContainerScan"), "warning"
    )
    assert "Flex Consumption" in scan


def test_whose_page_is_at_the_root(entry, said):
    [note] = texts(said(entry("f", "http", route="/")), "note")
    assert "AzureWebJobsDisableHomepage" in note
    assert texts(said(entry("f", "http", route="/"), route_prefix="api"), "note") == []


def test_no_word_of_the_command_has_a_blank(entry, manifest):
    transports = plan(manifest(entry("f")), AzureSettings())
    with pytest.raises(ValueError, match="blank"):
        host_json(["httpTrigger"], AzureSettings(), transports, ("python", "my start.py"))


def test_how_long_a_reply_may_take(entry, said):
    [note] = texts(said(entry("f"), timeout=600), "note")
    assert "230 s" in note
    assert texts(said(entry("f")), "note") == texts(said(entry("f"), timeout=230), "note") == []
