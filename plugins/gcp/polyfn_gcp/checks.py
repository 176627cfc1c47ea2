"""What has to be set on Google Cloud for functions to work as declared, and cannot be seen at run time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import BaseModel

from polyfn.toolchain.manifest import FunctionEntry, Manifest

_DEAD_LETTER = (
    "{}: Pub/Sub sends again whatever is not answered with success, 4xx included, for up to 7 days: give the "
    "subscription a dead-letter topic"
)
_DELAY = (
    "{}: Cloud Tasks heeds the delay of Retry(after=...); Pub/Sub, Eventarc and Cloud Scheduler wait as "
    "their own retry settings say"
)
_SAME = "{} declare the same trigger: a request to / is for neither, so send to the path /NAME of one"


def checks(manifest: Manifest, settings: BaseModel) -> Sequence[tuple[str, str]]:  # noqa: ARG001
    """Return (severity, message) pairs for `polyfn check`."""
    found = [pair for function in manifest.functions for pair in _of(function)]
    return [*found, *_ambiguous(manifest)]


def _of(function: FunctionEntry) -> Iterator[tuple[str, str]]:
    kind = function.trigger.get("kind")
    if kind in ("queue", "topic"):
        yield "note", _DEAD_LETTER.format(function.name)
    if function.retry_delays and kind not in ("http", "call"):
        yield "note", _DELAY.format(function.name)


def _ambiguous(manifest: Manifest) -> Iterator[tuple[str, str]]:
    events = [entry for entry in manifest.functions if entry.trigger.get("kind") not in ("http", "call")]
    # Concurrency says how a function is called and not for what.
    keys = {entry.name: str({**entry.trigger, "concurrency": None}) for entry in events}
    for key, count in Counter(keys.values()).items():
        if count > 1:
            names = [name for name, other in keys.items() if other == key]
            yield "warning", _SAME.format(" and ".join(names))
