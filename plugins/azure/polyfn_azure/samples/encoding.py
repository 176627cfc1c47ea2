"""Envelopes as the host writes them, of values that are encoded one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polyfn_azure.emulator.dotnet import dumps
from polyfn_azure.emulator.encoding import encode as nested
from polyfn_azure.emulator.promotion import promoted
from polyfn_azure.samples.facts import ID, WHEN

__all__ = ["envelope", "many", "nested", "promote", "to_bytes"]


def to_bytes(text: str) -> bytes:
    """Text as UTF-8, a lone surrogate in three bytes."""
    return text.encode("utf-8", "surrogatepass")


def many(bodies: list[bytes]) -> str:
    """Several messages of `dataType: binary`."""
    return dumps([nested(body) for body in bodies])


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
    spelt = {name.upper(): name for name in metadata}
    for name, value in promoted(message).items():
        if not _is_dropped(name):
            metadata[spelt.setdefault(name.upper(), name)] = nested(value)
