"""What has to be set on Azure for functions to work as declared, and what each transport cannot carry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from polyfn.toolchain.manifest import FunctionEntry, Manifest
from polyfn_azure.bindings import bind
from polyfn_azure.refusals import refusals
from polyfn_azure.runtime.plan import Plan
from polyfn_azure.settings import AzureSettings
from polyfn_azure.transports import plan

Found = Iterator[tuple[str, str]]

_ENVELOPE = (
    "{}: its requests come in the host's envelope{}: a body that is not text arrives whole only as "
    "application/octet-stream or multipart, and a reply is text with one value for each header, so that a "
    "second cookie is lost"
)
_BATCH = (
    "{}: Azure takes no report of a part of a batch: after one failed message the whole delivery comes again"
)
_FOREVER = (
    "{}: without retry in [tool.polyfn.azure.functions.{}] a failed delivery is not tried again, and is lost"
)
_POISON = "{}: after {} the message goes to {}"
_SCAN = "{}: LogsAndContainerScan finds new blobs late, and Flex Consumption has EventGrid alone"
_SUBSCRIBE = "{}: an Event Grid subscription has to send it {}"
_HOMEPAGE = "{}: set the app setting AzureWebJobsDisableHomepage to true, or the host's own page is at /"
_FORWARDING = (
    "{}: hosts before 4.1041 send HTTP in envelopes, since a request forwarded for {} could not be told from "
    "an event for {}"
)
#: https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout: the load balancer's idle limit.
_LONGEST_REPLY = 230
_LONG = (
    "a timeout of {} s: over HTTP Azure gives up after 230 s of silence whatever it says, and what a plan "
    "allows differs"
)
_ONE_SUBSCRIPTION = "{}: it reads the subscription {!r} of the topic"


def checks(manifest: Manifest, settings: BaseModel) -> Sequence[tuple[str, str]]:
    """Return (severity, message) pairs for `polyfn check`."""
    assert isinstance(settings, AzureSettings)
    refused = [("error", message) for message in refusals(manifest, settings)]
    transports = plan(manifest, settings)
    found = [pair for entry in manifest.functions for pair in _of(entry, settings, transports)]
    return [*refused, *found, *_forwarding(transports), *_long(manifest, settings)]


def _long(manifest: Manifest, settings: AzureSettings) -> Found:
    over_http = any(entry.trigger["kind"] in ("http", "call") for entry in manifest.functions)
    if over_http and "timeout" in settings.model_fields_set and settings.timeout > _LONGEST_REPLY:
        yield "note", _LONG.format(settings.timeout)


def _of(entry: FunctionEntry, settings: AzureSettings, transports: Plan) -> Found:
    kind = entry.trigger["kind"]
    if kind in ("http", "call"):
        yield from _over_http(entry, settings, transports)
    elif kind in ("queue", "topic", "stream"):
        yield from _messages(entry, settings)
    elif kind in ("storage", "events"):
        yield from _changes(entry, settings)


def _over_http(entry: FunctionEntry, settings: AzureSettings, transports: Plan) -> Found:
    passed = transports.proxying or transports.forwarding
    outputs = settings.function(entry.name).outputs
    if not passed or outputs:
        why = f", since it writes {outputs[0].name}" if outputs else ""
        yield "warning", _ENVELOPE.format(entry.name, why)
        if entry.style.endswith("generator") or entry.application is not None:
            yield "warning", f"{entry.name}: what it streams is sent only when it is complete"
    elif not transports.proxying and (entry.style.endswith("generator") or entry.application is not None):
        yield "warning", f"{entry.name}: what is forwarded is not streamed, but sent when it is complete"
    if not settings.route_prefix and _at_root(entry):
        yield "note", _HOMEPAGE.format(entry.name)


def _at_root(entry: FunctionEntry) -> bool:
    """Whether a function takes the path `/`."""
    return entry.trigger["kind"] == "http" and entry.trigger.get("route") in (None, "/")


def _messages(entry: FunctionEntry, settings: AzureSettings) -> Found:
    type_ = _type(entry, settings)
    own = settings.function(entry.name)
    if type_ == "queueTrigger":
        queue = entry.trigger["name"]
        yield "note", _POISON.format(entry.name, "five failures", f"the queue {queue}-poison")
    elif type_ == "serviceBusTrigger":
        yield "note", _POISON.format(entry.name, "its queue's maximum of deliveries", "the dead-letter queue")
        if entry.trigger["kind"] == "topic":
            yield "note", _ONE_SUBSCRIPTION.format(entry.name, own.subscription or entry.name)
    elif type_ == "eventGridTrigger":
        yield "note", _SUBSCRIBE.format(entry.name, f"what the topic {entry.trigger['name']} publishes")
    if type_ in ("eventHubTrigger", "cosmosDBTrigger") and own.retry is None:
        yield "warning", _FOREVER.format(entry.name, entry.name)
    if own.batch:
        yield "warning", _BATCH.format(entry.name)


def _changes(entry: FunctionEntry, settings: AzureSettings) -> Found:
    type_ = _type(entry, settings)
    if type_ == "eventGridTrigger":
        what = (
            f"the events of the container {entry.trigger['bucket']}"
            if "bucket" in entry.trigger
            else "events"
        )
        yield "note", _SUBSCRIBE.format(entry.name, what)
    elif type_ == "blobTrigger":
        source = settings.function(entry.name).blob_source or settings.blob_source
        if source == "EventGrid":
            yield (
                "note",
                _SUBSCRIBE.format(entry.name, "Microsoft.Storage.BlobCreated through the host's webhook"),
            )
        else:
            yield "warning", _SCAN.format(entry.name)


def _type(entry: FunctionEntry, settings: AzureSettings) -> str | None:
    try:
        return bind(entry, settings).type
    except ValueError:
        return None  # It is refused, and told so.


def _forwarding(transports: Plan) -> Found:
    if transports.proxying and not transports.forwarding:
        route, name = transports.clashes[0]
        yield "note", _FORWARDING.format(name, route or "every path", name)
