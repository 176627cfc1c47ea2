"""Events as AWS would deliver them, for a function and with the user's data as their payload.

Every value that an account would fill in is made up; the shapes are those of AWS's documentation.
`polyfn invoke --data` sends the first sample of a function's trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Sample
from polyfn_aws.samples import messages, requests, single
from polyfn_aws.samples.facts import Made, example


def sampler(entry: FunctionEntry, data: Any | None = None) -> Sequence[Sample]:
    """Return native events that this function's trigger takes, the default form first.

    `data` is the payload: the JSON body, the message, the detail. None gives a small example; for an
    HTTP method that has no body it gives none. Unknown kinds of trigger give no sample.
    """
    make = _MAKERS.get(str(entry.trigger.get("kind")))
    return [Sample(name, event) for name, event in make(entry.trigger, data)] if make else []


def _call(trigger: dict[str, Any], data: Any | None) -> Made:  # noqa: ARG001
    return [("call", example(data))]


_MAKERS: dict[str, Callable[[dict[str, Any], Any | None], Made]] = {
    "call": _call,
    "http": requests.http,
    "queue": messages.queue,
    "topic": messages.topic,
    "stream": messages.stream,
    "storage": single.storage,
    "schedule": single.schedule,
    "events": single.events,
}
