"""What the host makes of a handler's outputs (HttpScriptInvocationResultExtensions, FunctionBinding).

The reply is read as a dictionary of objects, so that text which looks like a date is one from then on. Then
base64 is tried on every text, unless the binding's dataType is binary: "test", "1234" and "true" are base64.
"""

import json
import struct
from typing import Any

from polyfn_azure.emulator.bindings import Binding
from polyfn_azure.emulator.dotnet import Date, base64_of, dated, dumps, looks_like_json, printed


class Unwritable(Exception):  # noqa: N818  it is an outcome here
    """The host cannot write this value: the invocation fails."""


def bound(binding: Binding, value: Any) -> Any:
    """Return a value as it reaches the binding: bytes where base64 could be read."""
    value = dated(value)
    if isinstance(value, str) and binding.data_type != "binary":
        found = base64_of(value)
        return value if found is None else found
    return value


def messages(binding: Binding, value: Any) -> list[bytes]:
    """Return the messages that are sent to a queue, a topic or a hub."""
    told = bound(binding, value)
    if isinstance(told, bytes):
        return [told]
    if isinstance(told, str) and looks_like_json(told):
        try:
            told = dated(json.loads(told))
        except (ValueError, RecursionError) as error:
            raise Unwritable(f"it looks like JSON and is none: {error}") from None
    several = told if isinstance(told, list) else [told]
    return [printed(each).encode("utf-8", "replace") for each in several]


def documents(binding: Binding, value: Any) -> list[Any]:
    """Return the JSON that is sent where a binding takes objects: Cosmos DB, Event Grid, tables, SQL."""
    told = bound(binding, value)
    if isinstance(told, bytes):
        raise Unwritable("it is text that base64 could be read from, and no object: give a JSON object")
    if isinstance(told, str):
        try:
            told = dated(json.loads(told)) if looks_like_json(told) else told
        except (ValueError, RecursionError) as error:
            raise Unwritable(f"it looks like JSON and is none: {error}") from None
    several = told if isinstance(told, list) else [told]
    if wrong := [each for each in several if not isinstance(each, dict)]:
        raise Unwritable(f"{dumps(wrong[0])} is no object")
    return [json.loads(dumps(each)) for each in several]


def content(binding: Binding, value: Any) -> bytes:
    """Return the bytes that are written to a blob. Raises Unwritable."""
    told = bound(binding, value)
    if isinstance(told, bytes):
        return told
    if isinstance(told, str):
        return told.encode("utf-8", "replace")
    if isinstance(told, bool):
        return bytes([told])
    if isinstance(told, int):
        return struct.pack("<i", (told + (1 << 31)) % (1 << 32) - (1 << 31))
    if isinstance(told, float):
        return struct.pack("<d", told)
    if isinstance(told, Date) or told is None:
        raise Unwritable("it is text that looks like a date, which the host cannot write: give base64")
    return dumps(told).encode("utf-8", "replace")
