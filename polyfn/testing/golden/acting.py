"""What golden functions for events share: they log what they saw, and do what the event says."""

import json
import logging
from typing import Any

from polyfn import Context, Drop, Message, Retry

log = logging.getLogger("golden")


def saw(context: Context, **facts: object) -> None:
    """Log facts as JSON. The request's id is there to be compared with that of the line."""
    log.info("saw %s", json.dumps({**facts, "request_id": context.request_id}, sort_keys=True))


def saw_message(message: Message[Any], context: Context) -> None:
    """Log the facts of a message."""
    saw(
        context,
        id=message.id,
        attempt=message.attempt,
        key=message.key,
        time=message.time.isoformat() if message.time else None,
        origin=message.origin,
        color=message.attributes.get("color"),
        size=len(message.raw),
    )


def act(do: str) -> None:
    """Return, or raise what `do` names."""
    if do == "retry":
        raise Retry("not yet", after=30)
    if do == "drop":
        raise Drop("not wanted")
    if do == "fail":
        raise ValueError("golden secret")
