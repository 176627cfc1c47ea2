"""Events as S3 and EventBridge would deliver them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from polyfn_aws.samples.facts import ACCOUNT, ID, REGION, WHEN, Made, arn, example


def storage(trigger: dict[str, Any], data: Any | None) -> Made:
    """Return one change of an object, by notification and through EventBridge.

    `data` may name the object: `{"key": ..., "size": ...}`.
    """
    bucket = str(trigger.get("bucket") or "bucket")
    given = data if isinstance(data, dict) else {}
    deleted = trigger.get("on") == "deleted"
    thing = {"key": str(given.get("key", "folder/example.txt")), "sequencer": "0055AED6DCD90281E5"}
    if not deleted:
        thing |= {"size": given.get("size", 11), "eTag": "5eb63bbbe01eeed093cb22bb8f5acdc3"}
    return [
        ("s3", {"Records": [_notified(bucket, thing, deleted)]}),
        ("s3-eventbridge", _through_bus(bucket, thing, deleted)),
    ]


def _notified(bucket: str, thing: dict[str, Any], deleted: bool) -> dict[str, Any]:
    """A record of a bucket notification, in which the key is encoded as in a form."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": "2026-01-15T06:00:00.000Z",
        "eventName": "ObjectRemoved:Delete" if deleted else "ObjectCreated:Put",
        "userIdentity": {"principalId": "EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "203.0.113.7"},
        "responseElements": {"x-amz-request-id": "EXAMPLE", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "functions",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "EXAMPLE"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": thing | {"key": quote_plus(thing["key"], safe="/")},
        },
    }


def _through_bus(bucket: str, thing: dict[str, Any], deleted: bool) -> dict[str, Any]:
    """The same change by EventBridge, which writes the key as it is and `etag` in lower case."""
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {("etag" if name == "eTag" else name): value for name, value in thing.items()},
        "request-id": "EXAMPLE",
        "requester": ACCOUNT,
        "reason": "DeleteObject" if deleted else "PutObject",
    }
    named = "Object Deleted" if deleted else "Object Created"
    return _bus("aws.s3", named, f"arn:aws:s3:::{bucket}", detail)


def _bus(source: str, named: str, resource: str | None, detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": ID,
        "detail-type": named,
        "source": source,
        "account": ACCOUNT,
        "time": WHEN,
        "region": REGION,
        "resources": [] if resource is None else [resource],
        "detail": detail,
    }


def schedule(trigger: dict[str, Any], data: Any | None) -> Made:  # noqa: ARG001
    """With data: the schedule's own payload, which arrives bare."""
    rule = _bus("aws.events", "Scheduled Event", arn("events", "rule/every-morning"), {})
    own = _bus("aws.scheduler", "Scheduled Event", arn("scheduler", "schedule/default/every-morning"), "{}")
    samples = [("eventbridge-rule", rule), ("eventbridge-scheduler", own)]
    return samples if data is None else [("own-payload", data), *samples]


def events(trigger: dict[str, Any], data: Any | None) -> Made:
    """Return one event of EventBridge, of the type and source that the trigger names."""
    named = str(trigger.get("type") or "example.created")
    return [("eventbridge", _bus(str(trigger.get("source") or "example"), named, None, example(data)))]
