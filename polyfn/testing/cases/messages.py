"""What the cases of queues, topics and streams share."""

from __future__ import annotations

from typing import Any

from polyfn.events import Message
from polyfn.testing.case import Line, saw
from polyfn.testing.neutral import WHEN, message

#: The ids of messages, as every platform could give them.
IDS = tuple(f"5f0c2c1e-7f3d-4b53-9d55-2f8f0c9a6a1{number}" for number in range(4))

FAILED = Line("ERROR", "message failed", error="ValueError")
MISFIT = Line("ERROR", "message failed", error="PayloadError")
RETRIED = Line("WARNING", "message to be retried: not yet")
DROPPED = Line("ERROR", "message dropped: not wanted")


def doing(do: str, number: int = 0, **facts: Any) -> Message[Any]:
    """Return the message of this number, which tells what to do."""
    given: dict[str, Any] = {"id": IDS[number], "attributes": {"color": "red"}, **facts}
    return message({"do": do}, **given)


def seen(message: Message[Any], origin: str) -> Line:
    """Return the line of a function that saw a message."""
    return saw(
        id=message.id,
        attempt=message.attempt,
        key=message.key,
        time=WHEN.isoformat(),
        origin=origin,
        color=message.attributes.get("color"),
        size=len(message.raw),
    )
