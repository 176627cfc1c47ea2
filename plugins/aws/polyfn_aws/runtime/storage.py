"""Changes of objects in S3, by bucket notification or through EventBridge."""

from polyfn.events import ObjectChange
from polyfn.runtime import logs
from polyfn_aws.runtime import single
from polyfn_aws.runtime.verify import is_bus_event, mismatch, source_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.context import Context
    from polyfn.invoke import Invoker
    from polyfn_aws.runtime.dispatch import Serve

#: What a notification's eventName or EventBridge's detail-type starts with, and what it means.
_CHANGES = (
    ("ObjectCreated:", "created"),
    ("ObjectRemoved:", "deleted"),
    ("LifecycleExpiration:", "deleted"),
    ("Object Created", "created"),
    ("Object Deleted", "deleted"),
)


def server(invoker: "Invoker", settings: "dict[str, object]") -> "Serve":  # noqa: ARG001
    """Return what serves a function with a Storage trigger.

    A bucket's notification may be set wider than the trigger's `on`. Such a change is not what the
    function asked for, and sending it again would not make it so: it is logged and succeeds.
    """
    trigger: Any = invoker.declaration.trigger
    wanted: str = trigger.on

    def serve(event: "Any", context: "Context") -> bytes:
        if _is_test(event):
            logs.report("INFO", "the bucket's notification test arrived", request_id=context.request_id)
            return single.DONE
        return single.run(invoker, _asked_for(_changes(event, trigger), wanted, context), context)

    return serve


def _is_test(event: "Any") -> bool:
    """What S3 sends, once, when a notification is set up."""
    return isinstance(event, dict) and event.get("Event") == "s3:TestEvent" and "Bucket" in event


def _changes(event: "Any", trigger: "Any") -> "list[ObjectChange[Any]]":
    if source_of(event) == "aws:s3":
        return [_notified(record) for record in event["Records"]]
    if is_bus_event(event) and event["source"] == "aws.s3" and isinstance(event["detail"], dict):
        return [_from_bus(event)]
    raise mismatch(event, repr(trigger), "S3 event notifications, direct or through EventBridge")


def _asked_for(
    changes: "list[ObjectChange[Any]]", wanted: str, context: "Context"
) -> "list[ObjectChange[Any]]":
    kept = [change for change in changes if wanted in ("any", change.change)]
    if len(kept) < len(changes):
        logs.report(
            "WARNING",
            f"{len(changes) - len(kept)} changes skipped: the trigger asks for on={wanted!r} only",
            request_id=context.request_id,
        )
    return kept


def _change(named: str) -> str:
    return next((change for start, change in _CHANGES if named.startswith(start)), named)


def _notified(record: "dict[str, Any]") -> "ObjectChange[Any]":
    """Decode a record of a notification, in which the key is encoded as in a form."""
    told = record["s3"]
    thing = told["object"]
    key = thing["key"]
    if "%" in key or "+" in key:
        from urllib.parse import unquote_plus

        key = unquote_plus(key)
    named = record.get("eventName", "")
    return ObjectChange(
        bucket=told["bucket"]["name"],
        key=key,
        change=_change(named),
        size=thing.get("size"),
        etag=thing.get("eTag"),
        version=thing.get("versionId"),
        payload=record,
        source=told["bucket"].get("arn"),
        type=named or None,
        subject=key,
        time=record.get("eventTime"),
        attributes=_told(thing, "sequencer") | _told(told, "configurationId"),
        native=record,
    )


def _from_bus(event: "dict[str, Any]") -> "ObjectChange[Any]":
    """Decode an event of EventBridge, in which the key is as it is."""
    detail = event["detail"]
    thing = detail["object"]
    return ObjectChange(
        bucket=detail["bucket"]["name"],
        key=thing["key"],
        change=_change(event["detail-type"]),
        size=thing.get("size"),
        etag=thing.get("etag"),
        version=thing.get("version-id"),
        payload=detail,
        id=event["id"],
        source=event["source"],
        type=event["detail-type"],
        subject=thing["key"],
        time=event.get("time"),
        attributes=_told(thing, "sequencer") | _told(detail, "reason") | _told(detail, "deletion-type"),
        native=event,
    )


def _told(holder: "dict[str, Any]", name: str) -> "dict[str, Any]":
    return {name: holder[name]} if holder.get(name) is not None else {}
