"""Background events of Cloud Functions (1st gen.) to CloudEvents, and back.

The rules and the table are those of
https://github.com/GoogleCloudPlatform/functions-framework-conformance/blob/main/docs/mapping.md, and
where that page is silent (the way back), what its test data has. The way back is not lossless: a
background event of Pub/Sub has no subscription.
"""

from polyfn_gcp.runtime.verify import EnvelopeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PUBSUB = "pubsub.googleapis.com"
_STORAGE = "storage.googleapis.com"
_FIRESTORE = "firestore.googleapis.com"
_AUTH = "firebaseauth.googleapis.com"
_DATABASE = "firebasedatabase.googleapis.com"
_ANALYTICS = "firebaseanalytics.googleapis.com"
_REMOTE_CONFIG = "firebaseremoteconfig.googleapis.com"

#: A background event's type to the CloudEvent's. Where two lead to one, the last is the way back.
TYPES = {
    "providers/cloud.pubsub/eventTypes/topic.publish": "google.cloud.pubsub.topic.v1.messagePublished",
    "google.pubsub.topic.publish": "google.cloud.pubsub.topic.v1.messagePublished",
    "google.storage.object.finalize": "google.cloud.storage.object.v1.finalized",
    "google.storage.object.delete": "google.cloud.storage.object.v1.deleted",
    "google.storage.object.archive": "google.cloud.storage.object.v1.archived",
    "google.storage.object.metadataUpdate": "google.cloud.storage.object.v1.metadataUpdated",
    "providers/cloud.firestore/eventTypes/document.write": "google.cloud.firestore.document.v1.written",
    "providers/cloud.firestore/eventTypes/document.create": "google.cloud.firestore.document.v1.created",
    "providers/cloud.firestore/eventTypes/document.update": "google.cloud.firestore.document.v1.updated",
    "providers/cloud.firestore/eventTypes/document.delete": "google.cloud.firestore.document.v1.deleted",
    "providers/firebase.auth/eventTypes/user.create": "google.firebase.auth.user.v1.created",
    "providers/firebase.auth/eventTypes/user.delete": "google.firebase.auth.user.v1.deleted",
    "providers/firebase.remoteConfig/remoteconfig.update":
        "google.firebase.remoteconfig.remoteConfig.v1.updated",
    "providers/google.firebase.analytics/eventTypes/event.log": "google.firebase.analytics.log.v1.written",
    "providers/google.firebase.database/eventTypes/ref.create": "google.firebase.database.ref.v1.created",
    "providers/google.firebase.database/eventTypes/ref.write": "google.firebase.database.ref.v1.written",
    "providers/google.firebase.database/eventTypes/ref.update": "google.firebase.database.ref.v1.updated",
    "providers/google.firebase.database/eventTypes/ref.delete": "google.firebase.database.ref.v1.deleted",
}  # fmt: skip
BACK = {cloud: background for background, cloud in TYPES.items()}

#: The service of an event that does not name one, by how its type begins.
_SERVICES = {
    "providers/cloud.firestore/": _FIRESTORE,
    "providers/google.firebase.analytics/": _ANALYTICS,
    "providers/firebase.auth/": _AUTH,
    "providers/google.firebase.database/": _DATABASE,
    "providers/cloud.pubsub/": _PUBSUB,
    "providers/cloud.storage/": _STORAGE,
    # Not in the page's table, but without it this type could never be converted.
    "providers/firebase.remoteConfig/": _REMOTE_CONFIG,
}
#: Auth's timestamps in a background event and in a CloudEvent.
_RENAMED = (("createdAt", "createTime"), ("lastSignedInAt", "lastSignInTime"))
#: What a background event's resource is said to be, where it is an object and not a text.
_KINDS = {_PUBSUB: "type.googleapis.com/google.pubsub.v1.PubsubMessage", _STORAGE: "storage#object"}


def is_background(told: "Any") -> bool:
    """Whether a decoded body is a background event: its four facts, in a `context` or beside `data`."""
    if not isinstance(told, dict) or "data" not in told:
        return False
    context = told.get("context", told)
    return (
        isinstance(context, dict)
        and all(isinstance(context.get(name), str) for name in ("eventId", "eventType", "timestamp"))
        and "resource" in context
    )


def to_cloudevent(told: "dict[str, Any]") -> "dict[str, Any]":
    """Convert a background event to a CloudEvent in its JSON format. Raises EnvelopeError."""
    context = told.get("context", told)
    kind = context["eventType"]
    if kind not in TYPES:
        raise EnvelopeError("the background event is of a type that has no CloudEvent")
    resource = context["resource"]
    named = resource if isinstance(resource, dict) else {"name": resource}
    service = named.get("service") or _service(kind)
    name = named.get("name")
    if not isinstance(name, str) or not isinstance(service, str):
        raise EnvelopeError("the background event names no resource or no service")
    event = {
        "specversion": "1.0",
        "id": context["eventId"],
        "source": f"//{service}/{name}",
        "type": TYPES[kind],
        "time": context["timestamp"],
        "datacontenttype": "application/json",
        "data": told["data"],
    }
    change = _FORWARD.get(service)
    if change is not None:
        change(event, name, told)
    return event


def _service(kind: str) -> str | None:
    return next((service for start, service in _SERVICES.items() if kind.startswith(start)), None)


def _split(event: "dict[str, Any]", service: str, name: str, word: str) -> None:
    """Part a resource name into source and subject in front of `/word/`."""
    head, found, rest = name.partition(f"/{word}/")
    if not found:
        raise EnvelopeError(f"the background event's resource has no {word}")
    event["source"] = f"//{service}/{head}"
    event["subject"] = f"{word}/{rest}"


def _data(event: "dict[str, Any]") -> "dict[str, Any]":
    data = event["data"]
    if not isinstance(data, dict):
        raise EnvelopeError("the background event's data is no object")
    return data


def _storage(event: "dict[str, Any]", name: str, _: "Any") -> None:
    _split(event, _STORAGE, name, "objects")
    # The generation is not part of the object's name.
    head, found, generation = event["subject"].rpartition("#")
    if found and generation.isdecimal():
        event["subject"] = head


def _pubsub(event: "dict[str, Any]", _name: str, _: "Any") -> None:
    message = _data(event) | {"messageId": event["id"], "publishTime": event["time"]}
    event["data"] = {"message": message}


def _firestore(event: "dict[str, Any]", name: str, _: "Any") -> None:
    _split(event, _FIRESTORE, name, "documents")


def _auth(event: "dict[str, Any]", _name: str, _: "Any") -> None:
    data = _data(event)
    event["subject"] = f"users/{data.get('uid')}"
    event["data"] = _renamed(data, _RENAMED)


def _renamed(data: "dict[str, Any]", names: "tuple[tuple[str, str], ...]") -> "dict[str, Any]":
    metadata = data.get("metadata")
    if not isinstance(metadata, dict):
        return data
    new = dict(names)
    return data | {"metadata": {new.get(name, name): value for name, value in metadata.items()}}


def _database(event: "dict[str, Any]", name: str, told: "dict[str, Any]") -> None:
    domain = told.get("domain")
    if not isinstance(domain, str) or not domain:
        raise EnvelopeError("the background event of a Firebase database has no domain")
    _split(event, _DATABASE, name, "refs")
    location = "us-central1" if domain == "firebaseio.com" else domain.partition(".")[0]
    event["source"] = event["source"].replace("/instances/", f"/locations/{location}/instances/", 1)


def _analytics(event: "dict[str, Any]", name: str, _: "Any") -> None:
    app = _data(event)
    for step in ("userDim", "appInfo"):
        found = app.get(step)
        app = found if isinstance(found, dict) else {}
    if not isinstance(app.get("appId"), str):
        raise EnvelopeError("the background event of Firebase analytics names no appId")
    _split(event, _ANALYTICS, name, "events")
    event["source"] += f"/apps/{app['appId']}"


_FORWARD = {
    _STORAGE: _storage,
    _PUBSUB: _pubsub,
    _FIRESTORE: _firestore,
    _AUTH: _auth,
    _DATABASE: _database,
    _ANALYTICS: _analytics,
}


def from_cloudevent(event: "dict[str, Any]") -> "dict[str, Any]":
    """Convert a CloudEvent in its JSON format to `{"data", "context"}`. Raises EnvelopeError."""
    kind = BACK.get(event.get("type", ""))
    if kind is None:
        raise EnvelopeError("the CloudEvent is of a type that has no background event")
    service, _, name = event["source"].removeprefix("//").partition("/")
    subject = event.get("subject")
    full = name if subject is None else f"{name}/{subject}"
    data = event.get("data")
    if service == _PUBSUB:
        message = data.get("message") if isinstance(data, dict) else None
        if not isinstance(message, dict):
            raise EnvelopeError("the Pub/Sub event has no message")
        full = name
        data = {key: value for key, value in message.items() if key not in ("messageId", "publishTime")}
    elif service == _AUTH:
        full = name
        data = _renamed(data or {}, tuple((new, old) for old, new in _RENAMED))
    elif service == _DATABASE:
        head, found, rest = full.partition("/locations/")
        full = head + "/" + rest.partition("/")[2] if found else full
    elif service == _ANALYTICS:
        full = f"{name.partition('/apps/')[0]}/{subject}"
    resource: Any = full
    if service in _KINDS:
        resource = {"service": service, "name": full, "type": _kind(service, data)}
    context = {
        "eventId": event["id"],
        "timestamp": event.get("time"),
        "eventType": kind,
        "resource": resource,
    }
    return {"data": data, "context": context}


def _kind(service: str, data: "Any") -> str:
    told = data.get("kind") if service == _STORAGE and isinstance(data, dict) else None
    return told if isinstance(told, str) else _KINDS[service]
