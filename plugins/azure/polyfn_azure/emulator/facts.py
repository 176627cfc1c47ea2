"""The facts that the host knows of an invocation, for its metadata."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from polyfn_azure.emulator.dotnet import stamp
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


def deferred(source: str, size: int, kind: str) -> dict[str, Any]:
    """Return the reference that stands for content which stays where it is."""
    return {
        "Version": "1.0",
        "Source": source,
        "Content": {"IsEmpty": size == 0, "Length": size, "MediaType": kind},
        "ContentType": kind,
    }
