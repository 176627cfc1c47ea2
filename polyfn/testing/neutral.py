"""Neutral events, as tests write them: `message({"do": "this"})`, `tick()`, `change("bucket", "key")`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from polyfn.events import UNSET, Event, Message, ObjectChange, Tick
from polyfn.http import Headers, Request

#: When events happen that are given no time. Whole seconds, which every platform can tell.
WHEN = datetime(2026, 1, 15, 6, 0, tzinfo=UTC)


def message(
    data: Any = None,
    *,
    id: str = "5f0c2c1e-7f3d-4b53-9d55-2f8f0c9a6a10",  # noqa: A002  as the event has it
    attempt: int = 1,
    key: str | None = None,
    origin: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    time: datetime = WHEN,
) -> Message[Any]:
    """Return a message. `data` is bytes as they are, or anything that JSON can say."""
    return Message(
        raw=data if isinstance(data, bytes) else json.dumps(data).encode(),
        id=id, attempt=attempt, key=key, origin=origin, attributes=attributes, time=time,
    )  # fmt: skip


def tick(*, time: datetime = WHEN, schedule: str | None = None) -> Tick[Any]:
    """Return a tick that was due at `time`."""
    return Tick(time=time, schedule=schedule)


def change(
    bucket: str,
    key: str,
    *,
    change: str = "created",
    size: int | None = None,
    time: datetime = WHEN,
) -> ObjectChange[Any]:
    """Return a change of an object."""
    return ObjectChange(bucket=bucket, key=key, change=change, size=size, time=time)


def event(
    data: Any = None,
    *,
    type: str | None = None,  # noqa: A002  CloudEvents names it so
    source: str | None = None,
    id: str = "5f0c2c1e-7f3d-4b53-9d55-2f8f0c9a6a10",  # noqa: A002
    time: datetime = WHEN,
) -> Event[Any]:
    """Return an event whose payload is `data`, as JSON can say it."""
    return Event(payload=data, type=type, source=source, id=id, time=time)


def request(
    method: str = "GET",
    target: str = "/",
    *,
    headers: Sequence[tuple[str, str]] | Mapping[str, str] = (),
    body: Any = UNSET,
) -> Request[Any]:
    """Return a request. `target` is the raw path with its query; `body` bytes, or sent as JSON."""
    path, _, query = target.partition("?")
    told = Headers(dict(headers) if isinstance(headers, Mapping) else list(headers))
    if body is not UNSET and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        if "content-type" not in told:
            told.add("content-type", "application/json")
    raw = b"" if body is UNSET else body
    return Request(method=method, raw_path=path, raw_query=query, headers=told, body=raw)
