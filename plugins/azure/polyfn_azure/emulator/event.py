r"""The native event of Azure Functions, written as JSON: what the host posts, or an HTTP request.

    {"Data": {"message": "\"text\""}, "Metadata": {"DequeueCount": "1"}, "function": "fulfil"}
    {"method": "POST", "path": "/", "headers": [["Content-Type", "text/plain"]], "body": "text"}

The first is an envelope in the host's own encodings; `function` is there where an app has several. The
second goes through the front: `body` is text, or any other JSON, which is sent as JSON; `body_base64`
takes its place for bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyfn.toolchain.emulation.request_event import RequestEvent, described, parsed
from polyfn.toolchain.errors import EventFileError

_HINT = 'such as {"Data": {...}, "Metadata": {...}}, or {"method": "POST", "path": "/", "body": "..."}'


@dataclass(frozen=True)
class EnvelopeEvent:
    """What is posted to a function; `function` is its name, if the event says it."""

    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    function: str | None


def native_event(event: bytes) -> EnvelopeEvent | RequestEvent:
    """Read a native event. Raises EventFileError."""
    told = parsed(event, _HINT)
    if not isinstance(told, dict):
        raise EventFileError(
            "the event is no object: an envelope, or the description of a request", hint=_HINT
        )
    if "Data" in told or "Metadata" in told:
        return _envelope(told)
    return described(told)


def _envelope(told: dict[str, Any]) -> EnvelopeEvent:
    if unknown := [key for key in told if key not in ("Data", "Metadata", "function")]:
        raise EventFileError(f"the envelope has the unknown key {unknown[0]!r}", hint=_HINT)
    data, metadata, function = told.get("Data"), told.get("Metadata", {}), told.get("function")
    if not isinstance(data, dict) or not data or not isinstance(metadata, dict):
        raise EventFileError(
            "the envelope's Data and Metadata are no objects with names and values", hint=_HINT
        )
    if not isinstance(function, str | None):
        raise EventFileError(f"the envelope's function is {function!r}, not a name", hint=_HINT)
    return EnvelopeEvent(data, metadata, function)
