r"""The host's encodings: values into the strings of an envelope.

Of GetHttpScriptInvocationContextValue and Utility.ApplyBindingData in github.com/Azure/azure-functions-host.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from polyfn.runtime import json
from polyfn_azure.samples.facts import ID, WHEN

_DATE = re.compile(r"^(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2}:\d{2})Z$")


def to_bytes(text: str) -> bytes:
    """Text as UTF-8, a lone surrogate in three bytes."""
    return text.encode("utf-8", "surrogatepass")


def nested(value: Any) -> Any:
    """A value as the host nests it: bytes as Base64, objects as they are, all else as JSON in a string."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if isinstance(value, dict) else json.dumps(value).decode()


def many(bodies: list[bytes]) -> str:
    """Several messages of `dataType: binary`."""
    return json.dumps([nested(body) for body in bodies]).decode()


def envelope(
    function: str, data: Mapping[str, Any], metadata: Mapping[str, Any], message: str | None = None
) -> dict[str, Any]:
    """What the host POSTs, with values nested already. `message` is text that it takes properties from."""
    found = {name: value for name, value in metadata.items() if not _is_dropped(name)}
    found["sys"] = {"MethodName": function, "UtcNow": WHEN, "RandGuid": ID}
    if message is not None:
        promote(message, found)
    return {"function": function, "Data": dict(data), "Metadata": found}


def _is_dropped(name: str) -> bool:
    return name.lower().endswith("trigger")


def promote(message: str, metadata: dict[str, Any]) -> None:
    """Copy a JSON message's properties over the metadata, as the host does."""
    try:
        told = json.loads(message)
    except ValueError:
        return
    if not isinstance(told, dict):
        return
    spelt = {name.upper(): name for name in metadata}
    for name, value in told.items():
        if value is not None and not isinstance(value, list) and not _is_dropped(name):
            metadata[spelt.setdefault(name.upper(), name)] = _promoted(value)


def _promoted(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    return nested(_as_text(value))


def _as_text(value: Any) -> str:
    """A value as Newtonsoft makes it text: what looks like a date has become one on the way."""
    if isinstance(value, str):
        return _DATE.sub(r"\2/\3/\1 \4", value)
    return str(value) if isinstance(value, bool) else json.dumps(value).decode()
