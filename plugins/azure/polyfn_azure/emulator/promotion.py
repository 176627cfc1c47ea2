"""The fields of a JSON message that the host copies over its own metadata (Utility.ApplyBindingData).

Names are compared in any case, as in the dictionary that they are put into, and the last one wins: a message
{"id": "x"} replaces the queue's own Id, whose spelling stays. Whoever trusts Metadata trusts the sender.
"""

import json
from typing import Any

from polyfn_azure.emulator.dotnet import dated, dumps, looks_like_json, printed


def promote(message: str, facts: dict[str, Any]) -> None:
    """Put the top-level fields of a JSON object over the facts. Does nothing for any other text."""
    for name, value in promoted(message).items():
        known = next((key for key in facts if key.lower() == name.lower()), name)
        facts[known] = value


def promoted(message: str) -> dict[str, Any]:
    """Return the fields as the host has them: objects, and text for everything else; no arrays, no nulls.

    Text that looks like a date has been one in between: 2024-04-06T15:30:00Z is 04/06/2024 15:30:00 now.
    """
    if not looks_like_json(message):
        return {}
    try:
        told = dated(json.loads(message))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {
        name: _field(value) for name, value in told.items() if not (value is None or isinstance(value, list))
    }


def _field(value: Any) -> Any:
    # An object stays one, and its dates are written anew.
    return json.loads(dumps(value)) if isinstance(value, dict) else printed(value)
