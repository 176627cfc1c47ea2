"""The event that `polyfn invoke` delivers: --event as it is, or --data inside a sample."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import Any

from polyfn.toolchain.errors import EventFileError, UsageError
from polyfn.toolchain.manifest import FunctionEntry
from polyfn.toolchain.provider import Provider, Sample


def event_bytes(
    provider: Provider, function: FunctionEntry, *, data: str | None, event: str | None, sample: str | None
) -> bytes:
    """Return the native event. Raises EventFileError for what cannot be read, UsageError otherwise."""
    if event is not None:
        if data is not None or sample is not None:
            other = "--data" if data is not None else "--sample"
            raise UsageError(f"--event is delivered as it is and {other} is not", hint=f"leave {other} out")
        raw = _bytes(event, "--event")
        _parsed(raw, f"--event {event}")
        return raw
    payload = _data(data)
    if data is not None and payload is None and function.trigger["kind"] == "call":
        return b"null"  # a sampler takes None for "nothing was given"
    if provider.sampler is None:
        return json.dumps(payload).encode()
    return json.dumps(_chosen(provider, function, payload, sample).event).encode()


def _data(data: str | None) -> Any:
    if data is None:
        return None
    if data == "-" or data.startswith("@"):
        return _parsed(_bytes(data.removeprefix("@"), "--data"), f"--data {data}")
    return _parsed(data.encode(), "--data")


def _bytes(place: str, option: str) -> bytes:
    if place == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(place).read_bytes()
    except OSError as error:
        raise EventFileError(
            f"{option}: {place} cannot be read: {error.strerror}",
            hint="the path is relative to this directory",
        ) from None


def _parsed(raw: bytes, what: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        hint = """put JSON into shell quotes: --data '{"name": "Ada"}'; text keeps its own: '"Ada"'"""
        raise EventFileError(f"{what} is not JSON: {error}", hint=hint) from None


def _chosen(provider: Provider, function: FunctionEntry, payload: Any, name: str | None) -> Sample:
    assert provider.sampler is not None
    samples = provider.sampler(function, payload)
    if name is None and samples:
        return samples[0]
    for sample in samples:
        if sample.name == name:
            return sample
    names = [sample.name for sample in samples]
    if not names:
        kind = function.trigger["kind"]
        raise UsageError(
            f"target {provider.name!r} has no sample event for {kind}", hint="give the event: --event FILE"
        )
    close = difflib.get_close_matches(name or "", names, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    raise UsageError(f"there is no sample {name!r}", hint=f"{guess}the samples are {', '.join(names)}")
