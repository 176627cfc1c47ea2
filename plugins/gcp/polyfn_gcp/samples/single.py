"""Events as Cloud Storage, Cloud Scheduler and Eventarc would deliver them."""

from __future__ import annotations

from typing import Any

from polyfn.runtime import json
from polyfn.toolchain.manifest import FunctionEntry
from polyfn_gcp.samples import cloudevents, messages
from polyfn_gcp.samples.facts import ID, IDENTITY, PROJECT, REGION, WHEN, Made, example, request, text

_KIND = "google.cloud.storage.object.v1."


def storage(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one change of an object: through Eventarc, and as a notification of the bucket.

    `data` may name the object: `{"key": ..., "size": ...}`.
    """
    bucket = str(entry.trigger.get("bucket") or "bucket")
    deleted = entry.trigger.get("on") == "deleted"
    resource = _resource(bucket, data if isinstance(data, dict) else {})
    event = {
        "specversion": "1.0",
        "id": ID,
        "source": f"//storage.googleapis.com/projects/_/buckets/{bucket}",
        "type": _KIND + ("deleted" if deleted else "finalized"),
        "subject": f"objects/{resource['name']}",
        "time": WHEN,
        "bucket": bucket,
        "datacontenttype": "application/json; charset=utf-8",
        "data": resource,
    }
    headers, body = cloudevents.binary(event)
    return [
        ("eventarc", request("POST", f"/{entry.name}", [IDENTITY, *headers], body)),
        ("pubsub-notification", _notification(entry.name, resource, deleted)),
        ("background", messages.background(entry.name, event)),
    ]


def _resource(bucket: str, given: dict[str, Any]) -> dict[str, Any]:
    """The object as Cloud Storage's JSON API has it."""
    key = str(given.get("key", "folder/example.txt"))
    return {
        "kind": "storage#object",
        "id": f"{bucket}/{key}/1768456800123456",
        "bucket": bucket,
        "name": key,
        "generation": "1768456800123456",
        "metageneration": "1",
        "contentType": "text/plain",
        "storageClass": "STANDARD",
        "size": str(given.get("size", 11)),
        "md5Hash": "XrY7u+Ae7tCTyyK7j1rNww==",
        "crc32c": "yZRlqg==",
        "etag": "CMC4oJz04ZEDEAE=",
        "timeCreated": WHEN,
        "updated": WHEN,
    }


def _notification(function: str, resource: dict[str, Any], deleted: bool) -> dict[str, Any]:
    attributes = {
        "notificationConfig": f"projects/_/buckets/{resource['bucket']}/notificationConfigs/1",
        "eventType": "OBJECT_DELETE" if deleted else "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": resource["bucket"],
        "objectId": resource["name"],
        "objectGeneration": resource["generation"],
        "eventTime": WHEN,
    }
    return messages.push(function, "changes", json.dumps(resource).decode(), attributes)


def schedule(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one job of Cloud Scheduler, by HTTP and through Pub/Sub; without data it has no body."""
    headers = [
        IDENTITY,
        ("user-agent", "Google-Cloud-Scheduler"),
        ("x-cloudscheduler", "true"),
        ("x-cloudscheduler-jobname", entry.name),
        ("x-cloudscheduler-scheduletime", WHEN),
    ]
    body = None if data is None else text(data)
    if body is not None:
        headers.append(("content-type", "application/octet-stream"))
    return [
        ("cloud-scheduler", request("POST", f"/{entry.name}", headers, body)),
        ("pubsub-push", messages.push(entry.name, f"{entry.name}-sub", body or "")),
    ]


def events(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one event of the type and source that the trigger names, in every content mode."""
    source = f"//example.googleapis.com/projects/{PROJECT}/locations/{REGION}"
    event = {
        "specversion": "1.0",
        "id": ID,
        "source": str(entry.trigger.get("source") or source),
        "type": str(entry.trigger.get("type") or "com.example.created"),
        "time": WHEN,
        "datacontenttype": "application/json; charset=utf-8",
        "data": example(data),
    }
    forms = {
        "binary": cloudevents.binary(event),
        "structured": cloudevents.structured(event),
        "batch": cloudevents.batch([event]),
    }
    return [
        (name, request("POST", f"/{entry.name}", [IDENTITY, *headers], body))
        for name, (headers, body) in forms.items()
    ]
