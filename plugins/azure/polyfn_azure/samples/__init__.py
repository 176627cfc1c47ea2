"""What the Functions host would send, for a function and with the user's data as its payload.

Every value that an account would fill in is made up; the encodings are the host's own. An event is written
as JSON, which is this provider's form of a native event. For HTTP it is the client's request:

    {"method": "POST", "path": "/hello", "headers": [["content-type", "application/json"], ...],
     "body": "text"}

with `body_base64` in place of `body` where the body is no text, and neither where there is none. For every
other trigger it is the envelope that the host POSTs, and which function it is for:

    {"function": "fulfil", "Data": {"message": "eyJuYW1lIjoid29ybGQifQ=="}, "Metadata": {...}}

`polyfn invoke --data` sends the first sample of a function's trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Sample
from polyfn_azure.samples import messages, requests, single, streams
from polyfn_azure.samples.facts import Made


def sampler(entry: FunctionEntry, data: Any | None = None) -> Sequence[Sample]:
    """Return native events that this function's trigger takes, the default form first.

    `data` is the payload: the JSON body, the message, the document, the event's data. None gives a small
    example, and no body for an HTTP method that has none. A timer has no payload, and of an object `data`
    may say `key` and `size`. Unknown kinds of trigger give no sample.
    """
    make = _MAKERS.get(str(entry.trigger.get("kind")))
    return [Sample(name, event) for name, event in make(entry, data)] if make else []


_MAKERS: dict[str, Callable[[FunctionEntry, Any | None], Made]] = {
    "call": requests.call,
    "http": requests.http,
    "queue": messages.queue,
    "topic": messages.topic,
    "stream": streams.stream,
    "storage": single.storage,
    "schedule": single.schedule,
    "events": single.events,
}
