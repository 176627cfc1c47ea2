"""The values of an envelope, as the host writes them (ScriptInvocationContextExtensions).

| .NET value | in Data and Metadata |
|---|---|
| byte[] | base64 |
| DateTime, DateTimeOffset | ISO text, without a fraction of the second: it goes through ToString() |
| object, dictionary | JSON object |
| string, number, bool, array, null | JSON text, as a string |

A read-only fact of one moment is a `datetime` here; the others are Python's own types.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from polyfn_azure.emulator.dotnet import dumps, stamp
from polyfn_azure.emulator.promotion import promote


def encode(value: Any) -> Any:
    """Return what stands for a value in the envelope."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        return stamp(value.replace(microsecond=0))
    if isinstance(value, Mapping):
        return dict(value)
    return dumps(value)


def metadata(facts: Mapping[str, Any], message: str | None = None) -> dict[str, Any]:
    """Return the Metadata of facts, over which the fields of a message are put if it is a JSON object.

    Facts whose name ends in "trigger" are left out, and so are those that are None.
    """
    known = dict(facts)
    if message is not None:
        promote(message, known)
    return {
        name: encode(value)
        for name, value in known.items()
        if value is not None and not name.lower().endswith("trigger")
    }


def envelope(data: Mapping[str, Any], told: Mapping[str, Any]) -> bytes:
    """Return the body that is posted. Both are encoded already."""
    text = dumps({"Data": dict(data), "Metadata": dict(told)})
    # Half a surrogate pair cannot be sent: .NET puts U+FFFD in its place.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
