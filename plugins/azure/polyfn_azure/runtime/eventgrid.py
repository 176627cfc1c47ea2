"""Events of Event Grid: its own schema, and CloudEvents 1.0.

https://learn.microsoft.com/azure/event-grid/event-schema and /cloud-event-schema. The host has decoded an
event before it sends it, so the data's bytes are written anew from it: the same JSON, not the same bytes.
Errors name attributes and quote no values.
"""

from polyfn_azure.runtime.envelope import EnvelopeError
from polyfn_azure.runtime.values import from_base64, to_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Attributes of CloudEvents that Event has a place for, or that are about the data alone.
_TAKEN = frozenset((
    "id", "source", "type", "subject", "time", "datacontenttype", "data", "data_base64",
))  # fmt: skip
#: Event Grid's names and ours.
_OWN = {"id": "id", "topic": "source", "eventType": "type", "subject": "subject", "eventTime": "time"}


def read(told: "dict[str, Any]", what: str) -> "dict[str, Any]":
    """Read an event: the arguments that Event takes, but `native`. Raises EnvelopeError."""
    return _cloud(told, what) if "specversion" in told else _own(told, what)


def _own(told: "dict[str, Any]", what: str) -> "dict[str, Any]":
    _check(told, ("id", "eventType"), (*_OWN, "dataVersion", "metadataVersion"), what)
    facts: dict[str, Any] = {ours: told.get(theirs) for theirs, ours in _OWN.items()}
    facts["attributes"] = {
        name: value
        for name, value in told.items()
        if name not in _OWN and name != "data" and value is not None
    }
    if told.get("data") is not None:
        facts["payload"] = told["data"]
        facts["content_type"] = "application/json"
    return facts


def _cloud(told: "dict[str, Any]", what: str) -> "dict[str, Any]":
    texts = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
    _check(told, texts[:4], texts, what)
    facts: dict[str, Any] = {name: told.get(name) for name in ("id", "source", "type", "subject", "time")}
    facts["content_type"] = told.get("datacontenttype")
    facts["attributes"] = {
        name: value for name, value in told.items() if name not in _TAKEN and value is not None
    }
    return facts | _payload(told, facts["content_type"], what)


def _payload(told: "dict[str, Any]", content_type: str | None, what: str) -> "dict[str, Any]":
    encoded = told.get("data_base64")
    if encoded is not None:
        raw = from_base64(encoded) if isinstance(encoded, str) else None
        if raw is None:
            raise EnvelopeError(f"{what}.data_base64 is no Base64")
        return {"raw": raw}
    data = told.get("data")
    if data is None:
        return {}
    if isinstance(data, str) and content_type is not None and not _is_json(content_type):
        return {"raw": to_bytes(data)}
    return {"payload": data, "content_type": content_type or "application/json"}


def _check(told: "dict[str, Any]", required: "tuple[str, ...]", texts: "tuple[str, ...]", what: str) -> None:
    missing = [name for name in required if not told.get(name)]
    if missing:
        raise EnvelopeError(f"{what}, an event of Event Grid, lacks {', '.join(missing)}")
    for name in texts:
        if not isinstance(told.get(name), (str, type(None))):
            raise EnvelopeError(f"{what}.{name} is no text")


def _is_json(content_type: str) -> bool:
    """Whether the media type is JSON or built on it (CloudEvents' JSON format, 3.1)."""
    return content_type.partition(";")[0].strip().lower().endswith(("/json", "+json"))
