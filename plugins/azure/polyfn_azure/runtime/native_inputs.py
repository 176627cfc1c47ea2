"""What Azure's own Python worker gives a function, as the custom handler's envelope would have it.

So one set of decoders serves both. The worker's objects are those of the `azure-functions` library; they
are told by the trigger and never by their class, so that the library need not be imported here.
"""

from binascii import b2a_base64

from polyfn.http import Headers, Request
from polyfn.runtime import json
from polyfn_azure.runtime.envelope import Invocation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Facts of a Storage queue's message that the library has, by the host's names.
_QUEUE = {
    "Id": "id",
    "DequeueCount": "dequeue_count",
    "ExpirationTime": "expiration_time",
    "InsertionTime": "insertion_time",
    "NextVisibleTime": "time_next_visible",
    "PopReceipt": "pop_receipt",
}
#: Attributes of events in the schema of Event Grid, and of CloudEvents.
_GRID = {
    "id": "id",
    "topic": "topic",
    "subject": "subject",
    "eventType": "event_type",
    "eventTime": "event_time",
    "dataVersion": "data_version",
}
_CLOUD = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")


def invocation_of(name: str, kind: str, given: "Any", context: "Any") -> Invocation:
    """Write the envelope of what came for a trigger of this type, such as `queueTrigger`."""
    data, metadata = _WRITERS[kind](given)
    retry = getattr(context, "retry_context", None)
    if retry is not None and retry.max_retry_count:
        metadata["RetryContext"] = {"RetryCount": retry.retry_count, "MaxRetryCount": retry.max_retry_count}
    # Every decoder takes the only value there is, whatever its name.
    return Invocation(name, {"input": data}, metadata, id=context.invocation_id)


def request_of(given: "Any") -> "Request[Any]":
    """Return the request that an HttpRequest of the library stands for."""
    scheme, _, rest = given.url.partition("://")
    host, _, place = rest.partition("/")
    path, _, query = f"/{place}".partition("?")
    headers = Headers(dict(given.headers.items()))
    return Request(
        method=given.method,
        raw_path=path,
        raw_query=query.partition("#")[0],
        headers=headers,
        body=given.get_body() or b"",
        scheme=scheme or None,
        host=headers.get("host") or host or None,
        native=given,
    )


def _queue(given: "Any") -> "tuple[Any, dict[str, Any]]":
    return _base64(given.get_body()), _told({name: getattr(given, own) for name, own in _QUEUE.items()})


def _bodies(given: "Any") -> "tuple[Any, dict[str, Any]]":
    """One message, or several, of a kind that keeps the host's metadata."""
    if not isinstance(given, (list, tuple)):
        return _base64(given.get_body()), _told(given.metadata or {})
    bodies = str(json.dumps([_base64(one.get_body()) for one in given]), "ascii")
    return bodies, _told((given[0].metadata if given else None) or {})


def _documents(given: "Any") -> "tuple[Any, dict[str, Any]]":
    array = str(json.dumps([dict(document) for document in given]), "utf-8")
    return str(json.dumps(array), "utf-8"), {}


def _timer(given: "Any") -> "tuple[Any, dict[str, Any]]":
    told = {"Schedule": given.schedule, "ScheduleStatus": given.schedule_status or None}
    return {**told, "IsPastDue": given.past_due}, {}


def _grid(given: "Any") -> "tuple[Any, dict[str, Any]]":
    if hasattr(given, "specversion"):
        event = {name: getattr(given, name) for name in _CLOUD} | given.extension_attrs
    else:
        event = {name: getattr(given, own) for name, own in _GRID.items()}
    event["data"] = given.get_json()
    return {name: _plain(value) for name, value in event.items() if value is not None}, {}


def _blob(given: "Any") -> "tuple[Any, dict[str, Any]]":
    # Its name has the container in front.
    facts = {"Uri": given.uri, "Properties": given.blob_properties, "Metadata": given.metadata}
    facts["name"] = (given.name or "").partition("/")[2]
    return _base64(given.read()), _told(facts)


_WRITERS = {
    "queueTrigger": _queue,
    "serviceBusTrigger": _bodies,
    "eventHubTrigger": _bodies,
    "cosmosDBTrigger": _documents,
    "timerTrigger": _timer,
    "eventGridTrigger": _grid,
    "blobTrigger": _blob,
}


def _base64(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).decode("ascii")


def _told(facts: "Mapping[str, Any]") -> "dict[str, Any]":
    """Metadata as the host nests it: a text is JSON in a text, so that one which looks like JSON stays."""
    return {
        name: str(json.dumps(text), "utf-8") if isinstance(text := _plain(value), str) else text
        for name, value in facts.items()
        if value is not None and value != ""
    }


def _plain(value: "Any") -> "Any":
    return value.isoformat() if hasattr(value, "isoformat") else value
