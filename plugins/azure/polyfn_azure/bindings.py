"""Which decorators of the `azure-functions` library a function has: its trigger, its outputs, its retry.

function.json and the native artifact's `function_app.py` are both made of these, so that they agree.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.routes import METHODS, host_route
from polyfn_azure.schedules import ncrontab
from polyfn_azure.settings import AzureSettings, Output, Retry, Service

#: The app settings that connections are read from, unless others are set: the names that the portal uses.
CONNECTIONS: Mapping[Service, str] = {
    "storage": "AzureWebJobsStorage",
    "servicebus": "ServiceBusConnection",
    "eventhub": "EventHubConnection",
    "cosmosdb": "CosmosDBConnection",
    "eventgrid": "EventGridConnection",
    "table": "AzureWebJobsStorage",
    "sql": "SqlConnectionString",
}
#: Trigger types that the host runs again by function.json's `retry`
#: (https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retries).
RETRIED = frozenset({"timerTrigger", "eventHubTrigger", "cosmosDBTrigger"})
#: What an HTTP function's reply is called. `$return` would have the host guess at base64 (host issue 8352).
REPLY = "res"
#: The dataType of what messages arrive as: text would have every byte replaced that is no UTF-8.
_EXACT = "binary"


@dataclass(frozen=True)
class Decorator:
    """One decorator: the name of FunctionApp's method, and its arguments."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Bound:
    """All decorators of one function. `data` is the name that its input arrives under."""

    trigger: Decorator
    data: str
    type: str
    outputs: tuple[Decorator, ...] = ()
    retry: Retry | None = None


class _Facts:
    """What a trigger is bound with: the function, its settings and the app's."""

    def __init__(self, entry: FunctionEntry, settings: AzureSettings) -> None:
        self.name, self.trigger = entry.name, entry.trigger
        self.app, self.own = settings, settings.function(entry.name)

    def chosen(self, key: str) -> Any:
        """A setting of the function, else the app's."""
        own = getattr(self.own, key)
        return getattr(self.app, key) if own is None else own

    def connection(self, service: Service) -> str:
        """The app setting with the trigger's connection."""
        return self.own.connection or connection(self.app, service)


def connection(settings: AzureSettings, service: Service) -> str:
    """Return the app setting with the connection to a service."""
    return settings.connections.get(service) or CONNECTIONS[service]


def bind(entry: FunctionEntry, settings: AzureSettings) -> Bound:
    """Return a function's decorators. Raises ValueError with what the host would not take."""
    facts = _Facts(entry, settings)
    kind = str(entry.trigger["kind"])
    if kind not in _TRIGGERS:
        raise ValueError(f"a trigger of the kind {kind!r} is none that Azure delivers")
    type_, data, name, arguments = _TRIGGERS[kind](facts)
    own = facts.own
    if own.retry is not None and type_ not in RETRIED:
        raise ValueError(
            f"retry is set, which Azure has for {', '.join(sorted(RETRIED))} and not for {type_}"
        )
    outputs = tuple(_output(output, settings) for output in own.outputs)
    if taken := [output.name for output in own.outputs if output.name.lower() in {data, REPLY, "context"}]:
        raise ValueError(f"an output is named {taken[0]!r}, which is another binding's name")
    return Bound(Decorator(name, arguments), data, type_, outputs, own.retry)


_Told = tuple[str, str, str, dict[str, Any]]


def _http(facts: _Facts) -> _Told:
    method, route = facts.trigger.get("method"), facts.trigger.get("route")
    methods = None if method is None else [method, *(["HEAD"] if method == "GET" else [])]
    if method is not None and method not in METHODS:
        raise ValueError(f"the method {method} is none that Azure passes on: {', '.join(METHODS)}")
    return _route(facts, host_route(route, facts.app.route_prefix), methods)


def _call(facts: _Facts) -> _Told:
    return _route(facts, facts.name, ["POST", "GET"])


def _route(facts: _Facts, route: str, methods: list[str] | None) -> _Told:
    arguments: dict[str, Any] = {"route": route, "trigger_arg_name": "req", "binding_arg_name": REPLY}
    if methods is not None:
        arguments["methods"] = methods
    return "httpTrigger", "req", "route", {**arguments, "auth_level": facts.chosen("auth_level")}


def _queue(facts: _Facts) -> _Told:
    name = facts.trigger["name"]
    if facts.chosen("queue") == "servicebus":
        return _service_bus(facts, "service_bus_queue_trigger", {"queue_name": name})
    arguments = {"arg_name": "message", "queue_name": name, "connection": facts.connection("storage")}
    return "queueTrigger", "message", "queue_trigger", {**arguments, "data_type": _EXACT}


def _topic(facts: _Facts) -> _Told:
    if facts.chosen("topic") == "eventgrid":
        return _event_grid("message")
    subscription = facts.own.subscription or facts.name
    where = {"topic_name": facts.trigger["name"], "subscription_name": subscription}
    return _service_bus(facts, "service_bus_topic_trigger", where)


def _service_bus(facts: _Facts, decorator: str, where: Mapping[str, Any]) -> _Told:
    arguments = {"arg_name": "message", "connection": facts.connection("servicebus"), **where}
    # Of many without a data type the host parses each as JSON, and fails on what is none (host issue 6487).
    arguments |= {"data_type": _EXACT, "cardinality": "many" if facts.own.batch else "one"}
    if facts.own.sessions:
        arguments["is_sessions_enabled"] = True
    return "serviceBusTrigger", "message", decorator, arguments


def _stream(facts: _Facts) -> _Told:
    name = facts.trigger["name"]
    if facts.chosen("stream") == "cosmosdb":
        return _change_feed(facts, name)
    arguments: dict[str, Any] = {"arg_name": "messages", "event_hub_name": name}
    arguments |= {"connection": facts.connection("eventhub"), "data_type": _EXACT, "cardinality": "many"}
    if facts.own.consumer_group is not None:
        arguments["consumer_group"] = facts.own.consumer_group
    return "eventHubTrigger", "messages", "event_hub_message_trigger", arguments


def _change_feed(facts: _Facts, name: str) -> _Told:
    database, slash, container = name.partition("/")
    if not (database and slash and container) or "/" in container:
        raise ValueError(f"the stream {name!r} is no container of Cosmos DB; expected 'database/container'")
    arguments = {"arg_name": "messages", "connection": facts.connection("cosmosdb")}
    arguments |= {"database_name": database, "container_name": container}
    # Two functions on one container that share leases would each get a part of the changes.
    arguments |= {"lease_container_name": "leases", "lease_container_prefix": facts.name}
    arguments_: dict[str, Any] = {**arguments, "create_lease_container_if_not_exists": True}
    return "cosmosDBTrigger", "messages", "cosmos_db_trigger", arguments_


def _schedule(facts: _Facts) -> _Told:
    arguments = {"arg_name": "timer", "schedule": ncrontab(facts.trigger["cron"])}
    return "timerTrigger", "timer", "timer_trigger", arguments


def _storage(facts: _Facts) -> _Told:
    if facts.trigger.get("on", "created") != "created":
        return _event_grid("event")
    arguments: dict[str, Any] = {"arg_name": "blob", "path": f"{facts.trigger['bucket']}/{{name}}"}
    arguments |= {"connection": facts.connection("storage")}
    if facts.chosen("blob_source") == "EventGrid":
        arguments["source"] = "EventGrid"
    # The host then sends where the blob is, and not the blob.
    arguments["properties"] = {"supportsDeferredBinding": True}
    return "blobTrigger", "blob", "blob_trigger", arguments


def _events(facts: _Facts) -> _Told:  # noqa: ARG001
    return _event_grid("event")


def _event_grid(data: str) -> _Told:
    return "eventGridTrigger", data, "event_grid_trigger", {"arg_name": data}


_TRIGGERS: Mapping[str, Callable[[_Facts], _Told]] = {
    "http": _http,
    "call": _call,
    "queue": _queue,
    "topic": _topic,
    "stream": _stream,
    "schedule": _schedule,
    "storage": _storage,
    "events": _events,
}

_OUTPUTS: Mapping[str, str] = {
    "queue": "queue_output",
    "eventhub": "event_hub_output",
    "blob": "blob_output",
    "cosmosdb": "cosmos_db_output",
    "eventgrid": "event_grid_output",
    "table": "table_output",
    "sql": "sql_output",
}
_SERVICES: Mapping[str, Service] = {"queue": "storage", "blob": "storage"}


def _output(output: Output, settings: AzureSettings) -> Decorator:
    """Return an output's decorator. Raises ValueError for keys that its binding does not have."""
    name = _OUTPUTS.get(output.type) or _of_service_bus(output)
    takes = _parameters(name)
    given = {_snake(key): value for key, value in output.keys.items()}
    if "data_type" in given:
        # The host leaves a string of dataType binary as the base64 that it is.
        raise ValueError(
            f"output {output.name!r}: dataType is not for outputs, whose bytes arrive as they are"
        )
    if unknown := [key for key in output.keys if _snake(key) not in takes]:
        known = ", ".join(sorted(_camel(key) for key in takes - {"data_type"}))
        raise ValueError(f"output {output.name!r} has a key {unknown[0]!r}; one of {output.type} has {known}")
    if missing := [key for key in _required(name) if key not in given]:
        raise ValueError(f"output {output.name!r} has no {_camel(missing[0])}")
    return Decorator(name, {"arg_name": output.name, **_connected(output, settings, takes, given), **given})


def _of_service_bus(output: Output) -> str:
    topic = "topicName" in output.keys
    return "service_bus_topic_output" if topic else "service_bus_queue_output"


def _connected(
    output: Output, settings: AzureSettings, takes: set[str], given: Mapping[str, Any]
) -> dict[str, str]:
    service = _SERVICES.get(output.type) or _service(output.type)
    named = output.connection or connection(settings, service)
    if output.type == "sql":
        return {"connection_string_setting": named}
    if "topic_endpoint_uri" in given or "connection" not in takes:
        return {}
    return {"connection": named}


def _service(name: str) -> Service:
    return next(service for service in CONNECTIONS if service == name)


def _decorator(name: str) -> inspect.Signature:
    import azure.functions as func

    return inspect.signature(getattr(func.FunctionApp, name))


def _own(name: str) -> Iterator[inspect.Parameter]:
    ours = ("self", "arg_name", "connection", "connection_string_setting")
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    yield from (
        one for one in _decorator(name).parameters.values() if one.kind in kinds and one.name not in ours
    )


def _parameters(name: str) -> set[str]:
    said = {one.name for one in _own(name)}
    return said | ({"connection"} & _decorator(name).parameters.keys())


def _required(name: str) -> list[str]:
    return [one.name for one in _own(name) if one.default is inspect.Parameter.empty]


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), key)


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)
