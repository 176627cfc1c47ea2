"""The facts that the host knows of an invocation, for its metadata."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from polyfn_azure.emulator.dotnet import dumps, stamp
from polyfn_azure.emulator.queues import Message


def system(function: str) -> dict[str, Any]:
    """Return `sys`, which every invocation has."""
    now = stamp(datetime.now(UTC), zone="Z")
    return {"sys": {"MethodName": function, "UtcNow": now, "RandGuid": str(uuid4())}}


def of_queue(function: str, message: Message, text: str) -> dict[str, Any]:
    """Return what is known of a message in a storage queue."""
    return {
        "QueueTrigger": text,
        "DequeueCount": message.attempt,
        "ExpirationTime": message.expires,
        "Id": message.id,
        "InsertionTime": message.inserted,
        "NextVisibleTime": message.visible,
        "PopReceipt": message.receipt,
        **system(function),
    }


def of_blob(
    function: str, url: str, properties: Mapping[str, Any], own: Mapping[str, str], params: Mapping[str, str]
) -> dict[str, Any]:
    """Return what is known of a blob; `params` are those of the trigger's path."""
    return {
        "BlobTrigger": "left out",
        "Uri": url,
        "Properties": dict(properties),
        "Metadata": dict(own),
        **system(function),
        **params,
    }


def deferred(source: str, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands for content that stays where it is. Of the reference its size is sent alone."""
    kind = "application/json"
    return {
        "Version": "1.0",
        "Source": source,
        "Content": {"IsEmpty": False, "Length": len(dumps(reference).encode()), "MediaType": kind},
        "ContentType": kind,
    }


def blob_reference(connection: str, path: str) -> dict[str, Any]:
    """Return the reference to a blob, `container/name` (WebJobs.Extensions.Storage, ParameterBindingData)."""
    container, _, name = path.partition("/")
    return {"Connection": connection, "ContainerName": container, "BlobName": name}


def queue_reference(message: Message) -> dict[str, Any]:
    """Return the reference to a message, which holds it."""
    return {
        "MessageId": message.id,
        "PopReceipt": message.receipt,
        "MessageText": message.raw,
        "NextVisibleOn": stamp(message.visible),
        "InsertedOn": stamp(message.inserted),
        "ExpiresOn": stamp(message.expires),
        "DequeueCount": message.attempt,
    }
