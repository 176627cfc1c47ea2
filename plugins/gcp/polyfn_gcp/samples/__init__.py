"""Requests as Google Cloud would make them, for a function and with the user's data as their payload.

Every value that a project would fill in is made up; the shapes are those of Google's documentation. A
request is written as JSON, which is this provider's form of a native event:

    {"method": "POST", "path": "/fulfil", "headers": [["content-type", "application/json"], ...],
     "body": "text"}

with `body_base64` in place of `body` where the body is no text, and neither where there is none. Headers
keep their order and may repeat; Content-Length is for whoever sends it to add. `polyfn invoke --data`
sends the first sample of a function's trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Sample
from polyfn_gcp.samples import messages, requests, single
from polyfn_gcp.samples.facts import Made


def sampler(entry: FunctionEntry, data: Any | None = None) -> Sequence[Sample]:
    """Return native events that this function's trigger takes, the default form first.

    `data` is the payload: the JSON body, the message, the event's data. None gives a small example; for
    an HTTP method that has no body, and for a schedule, it gives none. Unknown kinds of trigger give no
    sample.
    """
    make = _MAKERS.get(str(entry.trigger.get("kind")))
    return [Sample(name, event) for name, event in make(entry, data)] if make else []


_MAKERS: dict[str, Callable[[FunctionEntry, Any | None], Made]] = {
    "call": requests.call,
    "http": requests.http,
    "queue": messages.queue,
    "topic": messages.topic,
    "storage": single.storage,
    "schedule": single.schedule,
    "events": single.events,
}
