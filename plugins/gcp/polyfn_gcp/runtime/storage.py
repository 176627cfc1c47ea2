"""Changes of objects in Cloud Storage: Eventarc's events, and notifications through Pub/Sub.

The types are those of https://cloud.google.com/eventarc/docs/reference/supported-events, the
attributes those of https://cloud.google.com/storage/docs/pubsub-notifications.
"""

from polyfn.errors import PayloadError
from polyfn.events import ObjectChange
from polyfn.runtime import logs
from polyfn_gcp.runtime.verify import EXACT, NOT, OTHER, EnvelopeError, mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.events import Event
    from polyfn.functions import Declaration
    from polyfn_gcp.runtime.pubsub import Published
    from polyfn_gcp.runtime.verify import Arrival

TAKES = "events of Cloud Storage, through Eventarc or as Pub/Sub notifications"

_TYPES = "google.cloud.storage.object.v1."
_SOURCE = "//storage.googleapis.com/projects/_/buckets/"
#: What happened, in the words of events and of notifications. Any other word stays as it is.
_CHANGES = {
    "finalized": "created",
    "OBJECT_FINALIZE": "created",
    "OBJECT_DELETE": "deleted",
    "OBJECT_ARCHIVE": "archived",
    "OBJECT_METADATA_UPDATE": "metadataUpdated",
}


def fit(arrival: "Arrival", declaration: "Declaration") -> int:
    """How well what came fits: by the bucket and by the change."""
    told = _told(arrival)
    if told is None:
        return NOT
    trigger: Any = declaration.trigger
    bucket, change = told
    return EXACT if bucket == trigger.bucket and trigger.on in ("any", change) else OTHER


def _told(arrival: "Arrival") -> "tuple[str | None, str] | None":
    """The bucket and the change that came, or None for what is no change of an object."""
    event = arrival.event
    if event is not None and (event.type or "").startswith(_TYPES):
        named = (event.type or "").removeprefix(_TYPES)
        return _bucket(event), _CHANGES.get(named, named)
    if arrival.published is not None:
        said = arrival.published.attributes
        if "eventType" in said and "bucketId" in said and "objectId" in said:
            return said["bucketId"], _CHANGES.get(said["eventType"], said["eventType"])
        low = {name.lower(): value for name, value in said.items()}
        if "eventtype" in low and "bucketid" in low and "objectid" in low:
            return low["bucketid"], _CHANGES.get(low["eventtype"], low["eventtype"])
    return None


def _bucket(event: "Event[Any]") -> str | None:
    source = event.source or ""
    if source.startswith(_SOURCE):
        return source.removeprefix(_SOURCE)
    named = event.attributes.get("bucket")
    return named if isinstance(named, str) else None


def decode(arrival: "Arrival", declaration: "Declaration") -> "ObjectChange[Any] | None":
    """Make a change of what came; None for one that the trigger does not ask for.

    Eventarc's triggers are for one kind of change, but a bucket's notification may be set wider.
    Sending such a change again would not make it wanted: it is logged and succeeds. Raises
    TriggerMismatchError for what is no change of an object.
    """
    told = _told(arrival)
    if told is None:
        raise mismatch(arrival, repr(declaration.trigger), TAKES)
    wanted: str = declaration.trigger.on  # type: ignore[attr-defined]  # it is a Storage
    if wanted not in ("any", told[1]):
        logs.report("WARNING", f"a change was skipped: the trigger asks for on={wanted!r} only")
        return None
    event = arrival.event
    if event is not None and (event.type or "").startswith(_TYPES):
        return _of_event(event, *told)
    assert arrival.published is not None
    return _of_notification(arrival.published, *told)


def _resource(event: "Event[Any]") -> "dict[str, Any]":
    """The object's metadata as Cloud Storage's JSON API has it, or nothing if it was not sent."""
    try:
        told = event.payload
    except PayloadError:
        return {}  # protobuf: what it says is in the attributes as well
    return told if isinstance(told, dict) else {}


def _of_event(event: "Event[Any]", bucket: str | None, change: str) -> "ObjectChange[Any]":
    told = _resource(event)
    key = (event.subject or "").removeprefix("objects/") or told.get("name")
    return _change(
        told,
        bucket or told.get("bucket"),
        key,
        change,
        raw=event.raw,
        id=event.id,
        source=event.source,
        type=event.type,
        subject=event.subject,
        time=event.time,
        content_type=event.content_type,
        attributes=event.attributes,
        attempt=event.attempt,
        native=event.native,
    )


def _of_notification(found: "Published", bucket: str | None, change: str) -> "ObjectChange[Any]":
    from polyfn.events import Event

    said = {name.lower(): value for name, value in found.attributes.items()}
    event: Event[Any] = Event(raw=found.raw)
    told = {"generation": said.get("objectgeneration"), **_resource(event)}
    key = said["objectid"]
    return _change(
        told,
        bucket,
        key,
        change,
        raw=found.raw,
        id=found.id,
        source=f"{_SOURCE}{bucket}",
        type=said["eventtype"],
        subject=f"objects/{key}",
        time=said.get("eventtime") or found.time,
        content_type="application/json" if said.get("payloadformat") == "JSON_API_V1" else None,
        attributes=found.attributes,
        attempt=found.attempt,
        native=found.native,
    )


def _change(
    told: "dict[str, Any]", bucket: "Any", key: "Any", change: str, **facts: "Any"
) -> "ObjectChange[Any]":
    if not isinstance(bucket, str) or not isinstance(key, str):
        raise EnvelopeError("the event of Cloud Storage names no bucket or no object")
    # JSON has 64-bit numbers as texts.
    size, version = str(told.get("size")), told.get("generation")
    return ObjectChange(
        bucket=bucket,
        key=key,
        change=change,
        size=int(size) if size.isdecimal() else None,
        etag=told.get("etag"),
        version=None if version is None else str(version),
        **facts,
    )
