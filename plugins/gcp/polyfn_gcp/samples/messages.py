"""Messages as Pub/Sub, Eventarc and Cloud Tasks would deliver them."""

from __future__ import annotations

from typing import Any

from polyfn.toolchain.manifest import FunctionEntry
from polyfn_gcp.runtime import legacy
from polyfn_gcp.runtime.pubsub import MESSAGE_PUBLISHED
from polyfn_gcp.samples import cloudevents
from polyfn_gcp.samples.facts import (
    EPOCH,
    ID,
    IDENTITY,
    PROJECT,
    WHEN,
    Made,
    base64_of,
    posted,
    request,
    text,
)

_AGENT = ("user-agent", "CloudPubSub-Google")


def topic(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one message of a topic: pushed with and without wrapper, and through Eventarc."""
    name = str(entry.trigger.get("name") or "topic")
    event = published(name, data)
    headers, body = cloudevents.binary(event)
    return [
        ("pubsub-push", push(entry.name, f"{name}-sub", text(data))),
        ("pubsub-unwrapped", unwrapped(entry.name, f"{name}-sub", text(data))),
        ("eventarc", request("POST", f"/{entry.name}", [IDENTITY, *headers], body)),
        ("background", background(entry.name, event)),
    ]


def queue(entry: FunctionEntry, data: Any | None) -> Made:
    """Return one task of Cloud Tasks, and one message of a subscription that is used as a queue."""
    name = str(entry.trigger.get("name") or "queue").rpartition("/")[2]
    return [
        ("cloud-tasks", task(entry.name, name, text(data))),
        ("pubsub-push", push(entry.name, name, text(data))),
        ("pubsub-unwrapped", unwrapped(entry.name, name, text(data))),
    ]


def message(payload: str, attributes: dict[str, str] | None = None) -> dict[str, Any]:
    """A message as a push has it, its id and its time in both spellings."""
    told: dict[str, Any] = {"data": base64_of(payload)} if payload else {}
    if attributes:
        told["attributes"] = attributes
    return told | {"messageId": ID, "message_id": ID, "publishTime": WHEN, "publish_time": WHEN}


def push(
    function: str, subscription: str, payload: str, attributes: dict[str, str] | None = None
) -> dict[str, Any]:
    """A wrapped push."""
    envelope = {
        "message": message(payload, attributes),
        "subscription": f"projects/{PROJECT}/subscriptions/{subscription}",
    }
    return posted(function, [_AGENT], envelope)


def unwrapped(function: str, subscription: str, payload: str) -> dict[str, Any]:
    """A push without wrapper, with metadata."""
    headers = [
        IDENTITY,
        _AGENT,
        ("x-goog-pubsub-subscription-name", f"projects/{PROJECT}/subscriptions/{subscription}"),
        ("x-goog-pubsub-message-id", ID),
        ("x-goog-pubsub-publish-time", WHEN),
        ("content-type", "application/json"),
    ]
    return request("POST", f"/{function}", headers, payload)


def published(name: str, data: Any | None) -> dict[str, Any]:
    """Eventarc's event for a message."""
    subscription = f"projects/{PROJECT}/subscriptions/eventarc-europe-west1-{name}-sub-123"
    return {
        "specversion": "1.0",
        "id": ID,
        "source": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/{name}",
        "type": MESSAGE_PUBLISHED,
        "time": WHEN,
        "datacontenttype": "application/json; charset=utf-8",
        "data": {"message": message(text(data)), "subscription": subscription},
    }


def background(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """A CloudEvent as Cloud Functions of the first generation are sent it."""
    return posted(function, [], legacy.from_cloudevent(event))


def task(function: str, name: str, payload: str) -> dict[str, Any]:
    """A task's first attempt."""
    headers = [
        IDENTITY,
        ("user-agent", "Google-Cloud-Tasks"),
        ("content-type", "application/json"),
        ("x-cloudtasks-queuename", name),
        ("x-cloudtasks-taskname", ID),
        ("x-cloudtasks-taskretrycount", "0"),
        ("x-cloudtasks-taskexecutioncount", "0"),
        ("x-cloudtasks-tasketa", f"{EPOCH:.3f}"),
    ]
    return request("POST", f"/{function}", headers, payload)
