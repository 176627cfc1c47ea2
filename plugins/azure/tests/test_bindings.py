"""function.json of every trigger and output, held to the host's rules for each binding."""

import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from polyfn_azure.function_json import function_json
from polyfn_azure.host_json import host_json
from polyfn_azure.settings import AzureSettings

#: Of each type: its direction, the keys that it must have, and those that it may have besides.
RULES = {
    "httpTrigger": ("in", {"authLevel", "route"}, {"methods"}),
    "http": ("out", set(), set()),
    "queueTrigger": ("in", {"queueName", "connection", "dataType"}, set()),
    "serviceBusTrigger": (
        "in",
        {"connection", "cardinality", "dataType"},
        {"queueName", "topicName", "subscriptionName", "isSessionsEnabled"},
    ),
    "eventHubTrigger": ("in", {"eventHubName", "connection", "cardinality", "dataType"}, {"consumerGroup"}),
    "cosmosDBTrigger": (
        "in",
        {"connection", "databaseName", "containerName", "leaseContainerName", "leaseContainerPrefix"},
        {"createLeaseContainerIfNotExists"},
    ),
    "timerTrigger": ("in", {"schedule"}, set()),
    "eventGridTrigger": ("in", set(), set()),
    "blobTrigger": ("in", {"path", "connection", "properties"}, {"source"}),
    "queue": ("out", {"queueName", "connection"}, set()),
    "serviceBus": ("out", {"connection"}, {"queueName", "topicName"}),
    "eventHub": ("out", {"eventHubName", "connection"}, set()),
    "blob": ("out", {"path", "connection"}, set()),
    "cosmosDB": ("out", {"databaseName", "containerName", "connection"}, {"partitionKey"}),
    "eventGrid": ("out", {"topicEndpointUri", "topicKeySetting"}, set()),
    "table": ("out", {"tableName", "connection"}, set()),
    "sql": ("out", {"commandText", "connectionStringSetting"}, set()),
}
WORDS = {
    "direction": {"in", "out"},
    "authLevel": {"anonymous", "function", "admin"},
    "cardinality": {"one", "many"},
    "dataType": {"binary", "string"},
}
OUTPUTS = (
    {"name": "q", "type": "queue", "queueName": "audit"},
    {"name": "sbq", "type": "servicebus", "queueName": "audit"},
    {"name": "sbt", "type": "servicebus", "topicName": "audit", "connection": "Other"},
    {"name": "hub", "type": "eventhub", "eventHubName": "audit"},
    {"name": "file", "type": "blob", "path": "audit/{rand-guid}"},
    {"name": "doc", "type": "cosmosdb", "databaseName": "d", "containerName": "c", "partitionKey": "/id"},
    {"name": "grid", "type": "eventgrid", "topicEndpointUri": "U", "topicKeySetting": "K"},
    {"name": "row", "type": "table", "tableName": "t"},
    {"name": "sql", "type": "sql", "commandText": "dbo.t"},
)


def held(written, type_):
    """Hold one function.json to the rules; return its trigger."""
    assert written.keys() <= {"bindings", "retry", "disabled"}, "scriptFile would have the function dropped"
    trigger, *others = written["bindings"]
    assert trigger["type"] == type_
    names = [binding["name"] for binding in written["bindings"]]
    assert len({name.lower() for name in names}) == len(names)
    for binding in written["bindings"]:
        direction, wanted, more = RULES[binding["type"]]
        keys = binding.keys() - {"type", "name", "direction"}
        assert binding["direction"] == direction
        assert wanted <= keys <= wanted | more
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", binding["name"])
        for key, words in WORDS.items():
            assert binding.get(key, min(words)) in words
        if binding.get("cardinality") == "many":
            assert binding["dataType"] == "binary"
    assert [one["type"] for one in written["bindings"] if one["type"].endswith("Trigger")] == [type_]
    assert all(binding["direction"] == "out" and "dataType" not in binding for binding in others)
    json.dumps(written)
    return trigger


@pytest.mark.parametrize(
    ("kind", "trigger", "settings", "type_", "expected"),
    [
        ("call", {}, {}, "httpTrigger", {"name": "req", "route": "f", "methods": ["post", "get"]}),
        (
            "http",
            {"method": "GET", "route": "/a/{b}"},
            {},
            "httpTrigger",
            {"route": "a/{b}", "methods": ["get", "head"]},
        ),
        (
            "http",
            {"route": "/files/{rest...}"},
            {},
            "httpTrigger",
            {"route": "files/{*rest}", "authLevel": "anonymous"},
        ),
        (
            "http",
            {},
            {"auth_level": "function"},
            "httpTrigger",
            {"route": "{*path}", "authLevel": "function"},
        ),
        ("http", {"route": "/"}, {}, "httpTrigger", {"route": "/"}),
        ("http", {"route": "/"}, {"route_prefix": "api"}, "httpTrigger", {"route": "{root:maxlength(0)?}"}),
        ("http", {"route": "/caf%C3%A9/"}, {}, "httpTrigger", {"route": "café"}),
        (
            "queue",
            {"name": "orders"},
            {},
            "queueTrigger",
            {
                "name": "message",
                "queueName": "orders",
                "connection": "AzureWebJobsStorage",
                "dataType": "binary",
            },
        ),
        (
            "queue",
            {"name": "orders"},
            {"queue": "servicebus"},
            "serviceBusTrigger",
            {
                "name": "message",
                "queueName": "orders",
                "cardinality": "one",
                "connection": "ServiceBusConnection",
            },
        ),
        ("topic", {"name": "news"}, {}, "serviceBusTrigger", {"topicName": "news", "subscriptionName": "f"}),
        ("topic", {"name": "news"}, {"topic": "eventgrid"}, "eventGridTrigger", {"name": "message"}),
        (
            "stream",
            {"name": "hub"},
            {"connections": {"eventhub": "Hub"}},
            "eventHubTrigger",
            {
                "name": "messages",
                "eventHubName": "hub",
                "cardinality": "many",
                "dataType": "binary",
                "connection": "Hub",
            },
        ),
        (
            "stream",
            {"name": "db/items"},
            {"stream": "cosmosdb"},
            "cosmosDBTrigger",
            {"databaseName": "db", "containerName": "items", "leaseContainerPrefix": "f"},
        ),
        (
            "schedule",
            {"cron": "0 6 * * MON"},
            {},
            "timerTrigger",
            {"name": "timer", "schedule": "0 0 6 * * 1"},
        ),
        (
            "storage",
            {"bucket": "up", "on": "created"},
            {},
            "blobTrigger",
            {
                "name": "blob",
                "path": "up/{name}",
                "source": "EventGrid",
                "properties": {"supportsDeferredBinding": True},
            },
        ),
        ("storage", {"bucket": "up", "on": "deleted"}, {}, "eventGridTrigger", {"name": "event"}),
        ("storage", {"bucket": "up", "on": "any"}, {}, "eventGridTrigger", {"name": "event"}),
        ("events", {"type": "t"}, {}, "eventGridTrigger", {"name": "event"}),
    ],
)
def test_each_trigger(entry, kind, trigger, settings, type_, expected):
    written = function_json(entry("f", kind, **trigger), AzureSettings(**settings))
    assert held(written, type_).items() >= expected.items()


def test_http_is_answered_by_another_name_than_return(entry):
    bindings = function_json(entry("f"), AzureSettings())["bindings"]
    assert [(one["type"], one["name"]) for one in bindings] == [("httpTrigger", "req"), ("http", "res")]


@pytest.mark.parametrize("output", OUTPUTS, ids=[output["name"] for output in OUTPUTS])
def test_each_output(entry, output):
    settings = AzureSettings(functions={"f": {"outputs": [output]}})
    written = function_json(entry("f", "queue", name="orders"), settings)
    held(written, "queueTrigger")
    found = written["bindings"][1]
    assert found.items() >= {key: value for key, value in output.items() if key != "type"}.items()
    assert found["type"].lower() == output["type"]


def test_what_differs_for_one_function(entry):
    own = {
        "connection": "Other",
        "subscription": "mine",
        "topic": "servicebus",
        "batch": True,
        "sessions": True,
        "disabled": True,
    }
    settings = AzureSettings(topic="eventgrid", functions={"f": own})
    written = function_json(entry("f", "topic", name="news"), settings)
    trigger = held(written, "serviceBusTrigger")
    assert trigger.items() >= {
        "connection": "Other", "subscriptionName": "mine", "cardinality": "many", "dataType": "binary",
        "isSessionsEnabled": True,
    }.items()  # fmt: skip
    assert written["disabled"] is True
    other = function_json(entry("g", "topic", name="news"), settings)
    assert "disabled" not in held(other, "eventGridTrigger") | other


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (
            {"count": 3, "delay": 90},
            {"strategy": "fixedDelay", "maxRetryCount": 3, "delayInterval": "00:01:30"},
        ),
        (
            {"strategy": "exponential", "minimum": 2, "maximum": 86400},
            {
                "strategy": "exponentialBackoff",
                "maxRetryCount": 5,
                "minimumInterval": "00:00:02",
                "maximumInterval": "1.00:00:00",
            },
        ),
    ],
)
def test_retry(entry, retry, expected):
    settings = AzureSettings(functions={"f": {"retry": retry}})
    assert function_json(entry("f", "stream", name="hub"), settings)["retry"] == expected


@pytest.mark.parametrize(
    ("kind", "trigger", "own", "word"),
    [
        ("queue", {"name": "q"}, {"retry": {}}, "retry is set"),
        ("queue", {"name": "q"}, {"outputs": [{"name": "o", "type": "queue"}]}, "has no queueName"),
        ("queue", {"name": "q"}, {"outputs": [{**OUTPUTS[0], "bogus": 1}]}, "'bogus'"),
        ("queue", {"name": "q"}, {"outputs": [{**OUTPUTS[0], "dataType": "binary"}]}, "dataType"),
        ("queue", {"name": "q"}, {"outputs": [{**OUTPUTS[0], "name": "Message"}]}, "another binding's"),
        ("stream", {"name": "items"}, {"stream": "cosmosdb"}, "database/container"),
        ("http", {"method": "TRACE", "route": "/a"}, {}, "TRACE"),
        ("http", {"route": "/admin/x"}, {}, "/admin"),
        ("http", {"route": "/a//b"}, {}, "segment ''"),
        ("http", {"route": "/a%2Fb"}, {}, "a%2Fb"),
        ("schedule", {"cron": "0 0 1 * 1"}, {}, "days that are both"),
        ("kafka", {}, {}, "'kafka'"),
    ],
)
def test_what_the_host_would_not_take(entry, kind, trigger, own, word):
    with pytest.raises(ValueError, match=re.escape(word)):
        function_json(entry("f", kind, **trigger), AzureSettings(functions={"f": own}))


def test_the_library_says_nothing_and_sets_nothing_up(entry, caplog, capsys):
    before = list(logging.getLogger().handlers)
    function_json(entry("f", "schedule", cron="* * * * *"), AzureSettings())
    function_json(entry("f", "schedule", cron="* * * * *"), AzureSettings())
    assert (caplog.records, capsys.readouterr().err) == ([], "")
    assert logging.getLogger().handlers == before
    assert logging.getLogger().isEnabledFor(logging.WARNING)


NAMES = st.from_regex(r"[a-z][a-z0-9-]{2,20}", fullmatch=True)
TRIGGERS = st.one_of(
    st.just(("call", {})),
    st.tuples(st.just("http"), st.fixed_dictionaries({"route": NAMES.map(lambda name: f"/{name}/{{id}}")})),
    st.tuples(st.sampled_from(["queue", "topic", "stream"]), st.fixed_dictionaries({"name": NAMES})),
    st.tuples(st.just("schedule"), st.just({"cron": "*/5 * * * *"})),
    st.tuples(
        st.just("storage"),
        st.fixed_dictionaries({"bucket": NAMES, "on": st.sampled_from(["created", "deleted", "any"])}),
    ),
    st.just(("events", {})),
)
SETTINGS = st.builds(
    AzureSettings,
    route_prefix=st.sampled_from(["", "api", "api/v1"]),
    queue=st.sampled_from(["storage", "servicebus"]),
    topic=st.sampled_from(["servicebus", "eventgrid"]),
    auth_level=st.sampled_from(["anonymous", "function", "admin"]),
    message_encoding=st.sampled_from(["base64", "none"]),
    timeout=st.integers(1, 86400),
    functions=st.fixed_dictionaries(
        {
            "f": st.fixed_dictionaries(
                {
                    "batch": st.booleans(),
                    "outputs": st.lists(st.sampled_from(OUTPUTS), unique_by=lambda output: output["name"]),
                }
            )
        }
    ),
)


@given(TRIGGERS, SETTINGS)
def test_whatever_is_declared_keeps_the_rules(entry, trigger, settings):
    kind, facts = trigger
    written = function_json(entry("f", kind, **facts), settings)
    held(written, written["bindings"][0]["type"])
    types = {binding["type"] for binding in written["bindings"]}
    host = host_json(types, settings)
    assert ("extensionBundle" in host) == bool(types - {"httpTrigger", "http", "timerTrigger"})
    assert host["extensions"]["http"]["routePrefix"] == settings.route_prefix
    assert re.fullmatch(r"(1\.)?\d\d:\d\d:\d\d", host["functionTimeout"])


@pytest.mark.parametrize(
    "settings",
    [
        {"route_prefix": "/api"},
        {"route_prefix": "api/"},
        {"transport": "http"},
        {"timeout": 0},
        {"extension_bundle": "4.x"},
        {"functions": {"f": {"retry": {"strategy": "exponential", "minimum": 9, "maximum": 1}}}},
        {"functions": {"f": {"outputs": [OUTPUTS[0], {**OUTPUTS[0], "name": "Q"}]}}},
        {"functions": {"f": {"outputs": [{"name": "1", "type": "queue"}]}}},
        {"functions": {"f": {"nonsense": 1}}},
        {"connections": {"ftp": "X"}},
        {"connections": {"storage": "not a name"}},
    ],
)
def test_settings_that_are_none(settings):
    with pytest.raises(ValidationError):
        AzureSettings(**settings)
