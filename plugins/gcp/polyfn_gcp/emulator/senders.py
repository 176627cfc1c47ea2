"""Who sends a request, which answers satisfy it, and what it changes when it sends the request again.

Sources: https://cloud.google.com/pubsub/docs/push, https://cloud.google.com/tasks/docs/creating-http-target-tasks,
https://cloud.google.com/eventarc/docs/retry-events.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from polyfn.toolchain.emulation.request_event import RequestEvent

#: What Pub/Sub takes for an acknowledgement. Every other status, 4xx included, brings the message again.
ACKNOWLEDGED = frozenset((102, 200, 201, 202, 204))


def _on_pubsub(status: int) -> bool:
    return status in ACKNOWLEDGED


def _on_2xx(status: int) -> bool:
    return 200 <= status < 300


def _on_no_5xx(status: int) -> bool:
    return status < 500


def _pubsub_again(event: RequestEvent, _: int) -> RequestEvent:
    """Count `deliveryAttempt` up, which Pub/Sub sends only where a dead letter topic is configured."""
    try:
        told: Any = json.loads(event.body)
    except (ValueError, RecursionError):
        return event
    attempt = told.get("deliveryAttempt") if isinstance(told, dict) else None
    if not isinstance(attempt, int) or isinstance(attempt, bool):
        return event
    told["deliveryAttempt"] = attempt + 1
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    again = replace(event, body=body)
    return again if event.header("Content-Length") is None else again.having("Content-Length", str(len(body)))


def _tasks_again(event: RequestEvent, status: int) -> RequestEvent:
    """Count the retries up, and the executions where the answer was the handler's own (not 5xx)."""
    again = _counted(event, "X-CloudTasks-TaskRetryCount")
    if status < 500:
        again = _counted(again, "X-CloudTasks-TaskExecutionCount")
    return again.having("X-CloudTasks-TaskPreviousResponse", str(status))


def _counted(event: RequestEvent, name: str) -> RequestEvent:
    told = event.header(name) or "0"
    return event.having(name, str(int(told) + 1)) if told.isascii() and told.isdigit() else event


def _the_same(event: RequestEvent, _: int) -> RequestEvent:
    return event


@dataclass(frozen=True)
class Sender:
    """One of the services that call a container.

    `again(event, status)` is what it sends after an answer that does not satisfy it; None if it never
    sends anything twice. `obeys` tells that it waits as Retry-After asks.
    """

    name: str
    satisfied: Callable[[int], bool]
    again: Callable[[RequestEvent, int], RequestEvent] | None
    obeys: bool = False


PUBSUB = Sender("Pub/Sub", _on_pubsub, _pubsub_again)
EVENTARC = Sender("Eventarc", _on_pubsub, _pubsub_again)
TASKS = Sender("Cloud Tasks", _on_2xx, _tasks_again, obeys=True)
SCHEDULER = Sender("Cloud Scheduler", _on_2xx, _the_same)
CLIENT = Sender("HTTP", _on_no_5xx, None)


def sender_of(event: RequestEvent) -> Sender:
    """Tell who sends a request, by the headers that only this sender sets, and Pub/Sub by its body too."""
    agent = event.header("User-Agent") or ""
    if event.header("X-CloudTasks-QueueName") is not None or agent == "Google-Cloud-Tasks":
        return TASKS
    if event.header("X-CloudScheduler") is not None or agent == "Google-Cloud-Scheduler":
        return SCHEDULER
    kind = (event.header("Content-Type") or "").lower()
    if event.header("ce-specversion") is not None or kind.startswith("application/cloudevents"):
        return EVENTARC
    unwrapped = event.header("x-goog-pubsub-subscription-name") is not None
    return PUBSUB if unwrapped or agent.startswith("CloudPubSub") or _is_push(event.body) else CLIENT


def _is_push(body: bytes) -> bool:
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(told, dict) or not isinstance(told.get("subscription"), str):
        return False
    return isinstance(told.get("message"), dict)
