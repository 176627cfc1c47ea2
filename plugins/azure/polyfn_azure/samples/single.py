"""Blobs, timers and events as the host would deliver them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.samples import grid
from polyfn_azure.samples.encoding import envelope, nested
from polyfn_azure.samples.facts import ACCOUNT, ETAG, ID, SECOND, TOPIC, WHEN, Made


def storage(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one change of a blob: from a blob trigger, where there is one, and from Event Grid.

    `data` may name the blob: `{"key": ..., "size": ...}`.
    """
    bucket = str(entry.trigger.get("bucket") or "bucket")
    given = data if isinstance(data, dict) else {}
    key, size = str(given.get("key", "folder/example.txt")), given.get("size", 11)
    deleted = entry.trigger.get("on") == "deleted"
    published = grid.samples(entry, "event", _event(bucket, key, size, deleted=deleted))
    if entry.trigger.get("on", "created") != "created":
        return published
    return [("blob", _blob(entry.name, bucket, key, size)), *published]


def _url(bucket: str, key: str) -> str:
    return f"https://{ACCOUNT}.blob.core.windows.net/{bucket}/{quote(key)}"


def _blob(function: str, bucket: str, key: str, size: Any) -> dict[str, Any]:
    """A blob trigger with supportsDeferredBinding: where the blob is, and not the blob."""
    deferred = {
        "Version": "1.0",
        "Source": "AzureStorageBlobs",
        "Content": {"IsEmpty": False, "Length": 92, "MediaType": "application/json"},
        "ContentType": "application/json",
    }
    properties = {"LastModified": SECOND, "ContentLength": size, "ContentType": "text/plain", "BlobType": 0}
    metadata = {
        "BlobTrigger": nested(f"{bucket}/{key}"),
        "Uri": nested(_url(bucket, key)),
        "Properties": properties,
        "Metadata": {},
        "name": nested(key),
    }
    return envelope(function, {"blob": deferred}, metadata)


def _event(bucket: str, key: str, size: Any, *, deleted: bool) -> dict[str, Any]:
    """What Storage publishes; of a deletion neither etag nor length."""
    data = {
        "api": "DeleteBlob" if deleted else "PutBlob",
        "clientRequestId": "4c5dd7fb-2c48-4a27-bb30-5361b5de920a",
        "requestId": "9aeb0fdf-c01e-0131-0922-9eb549000000",
        "contentType": "text/plain",
        "blobType": "BlockBlob",
        "url": _url(bucket, key),
        "sequencer": "00000000000000000000000000000FA40000000000015B12",
    }
    return {
        "id": ID,
        "topic": f"{TOPIC}Microsoft.Storage/storageAccounts/{ACCOUNT}",
        "subject": f"/blobServices/default/containers/{bucket}/blobs/{key}",
        "eventType": f"Microsoft.Storage.Blob{'Deleted' if deleted else 'Created'}",
        "eventTime": WHEN,
        "dataVersion": "",
        "metadataVersion": "1",
        "data": data if deleted else data | {"eTag": ETAG, "contentLength": size},
    }


def schedule(entry: FunctionEntry, data: Any | None) -> Made:  # noqa: ARG001  a timer has no payload
    """Return one timer, with the host's status and without, as schedules of less than a minute are."""
    status = {"Last": "2026-01-14T06:00:00.01Z", "Next": "2026-01-15T06:00:00Z", "LastUpdated": SECOND}
    return [
        (name, envelope(entry.name, {"timer": _timer(told)}, {}))
        for name, told in (("timer", status), ("timer-without-status", None))
    ]


def _timer(status: dict[str, Any] | None) -> dict[str, Any]:
    return {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False}


def events(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one event of the type and source that the trigger names, in both schemas."""
    event = grid.custom(data, type=entry.trigger.get("type"), source=entry.trigger.get("source"))
    return grid.samples(entry, "event", event)
