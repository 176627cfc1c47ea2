"""CloudEvents over HTTP: binary, structured and batched, versions 1.0 and 0.3.

The rules are those of the HTTP protocol binding and of the JSON event format
(https://github.com/cloudevents/spec/tree/v1.0.2/cloudevents). Messages of errors name attributes and
never quote values: those belong to the sender.
"""

from polyfn.events import Event
from polyfn_gcp.runtime.verify import EnvelopeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

BINARY = "binary"
STRUCTURED = "structured"
BATCH = "batch"

REQUIRED = ("specversion", "id", "source", "type")
VERSIONS = ("1.0", "0.3")

_STRUCTURED = "application/cloudevents"
_BATCHED = "application/cloudevents-batch"
#: What `Event` has an attribute for, or what is about the payload alone.
_TAKEN = frozenset((
    "id", "source", "type", "subject", "time", "datacontenttype", "data", "data_base64",
    "datacontentencoding",
))  # fmt: skip
_TEXTS = (*REQUIRED, "subject", "time", "datacontenttype", "dataschema", "datacontentencoding")


def mode_of(headers: "Mapping[str, str]") -> str | None:
    """Tell the content mode by the headers (names in lower case), or None for what is no CloudEvent.

    Content-Type decides first, as the binding has it; then one required attribute is enough to say
    that a CloudEvent was meant, so that a broken one is refused and not taken for something else.
    """
    media = media_type(headers.get("content-type"))
    if media.startswith(_STRUCTURED):
        base = media.partition("+")[0]
        if base == _BATCHED:
            return BATCH
        if base == _STRUCTURED:
            return STRUCTURED
    return BINARY if any(f"ce-{name}" in headers for name in REQUIRED) else None


def read(
    mode: str, headers: "Mapping[str, str]", body: bytes, native: "Any", *, encoded: bool = True
) -> "list[Event[Any]]":
    """Read the events of a request; only a batch holds other than one. Raises EnvelopeError.

    `encoded` says whether attributes in headers are percent-encoded: they are in HTTP, and not in
    the attributes of a Pub/Sub message. `native` is what `.native` of an event in binary mode is.
    """
    if mode == BINARY:
        return [_binary(headers, body, native, encoded)]
    content_type = headers["content-type"]
    if not is_json(content_type):
        raise EnvelopeError("the CloudEvent is in a format other than JSON", status=415)
    told = _decode(body)
    if mode == STRUCTURED:
        return [from_object(told)]
    if not isinstance(told, list):
        raise EnvelopeError("the batch of CloudEvents is no JSON array")
    return [from_object(item) for item in told]


def _decode(body: bytes) -> "Any":
    from polyfn.runtime import json

    try:
        return json.loads(body)
    except ValueError:
        raise EnvelopeError("the CloudEvent is not JSON, though its Content-Type says so") from None


def _binary(headers: "Mapping[str, str]", body: bytes, native: "Any", encoded: bool) -> "Event[Any]":
    attributes: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith("ce-"):
            attributes[name[3:]] = decode_value(value) if encoded else value
    _check(attributes)
    return Event(
        raw=body,
        content_type=headers.get("content-type"),
        native=native,
        **_facts(attributes),
    )


def decode_value(value: str) -> str:
    """Decode an attribute's header value: quotes first, then one round of percent-decoding (3.1.3.2)."""
    if not value.isascii():
        # Senders that do not encode send UTF-8, and header bytes come as Latin-1.
        try:
            value = value.encode("latin-1").decode()
        except UnicodeError:
            pass
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _unquoted(value[1:-1])
    if "%" not in value:
        return value
    from polyfn.runtime.percent import unquote

    return unquote(value)


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text
    letters = iter(text)
    return "".join(next(letters, letter) if letter == "\\" else letter for letter in letters)


def from_object(told: "Any") -> "Event[Any]":
    """Make an event of its JSON format, decoded. Raises EnvelopeError. `native` is the object itself."""
    if not isinstance(told, dict):
        raise EnvelopeError("the CloudEvent is no JSON object")
    # "null" stands for an attribute that is not there (JSON event format, 2.3).
    attributes = {name: value for name, value in told.items() if value is not None}
    _check(attributes)
    content_type = attributes.get("datacontenttype")
    payload = _payload(told, content_type)
    if "payload" in payload and content_type is None:
        content_type = "application/json"  # what the format says of data that does not say
    return Event(content_type=content_type, native=told, **payload, **_facts(attributes))


def _payload(told: "dict[str, Any]", content_type: str | None) -> "dict[str, Any]":
    """The payload as Event takes it: `raw` or `payload`, or neither."""
    if told.get("data_base64") is not None:
        if "data" in told:
            raise EnvelopeError("the CloudEvent has both data and data_base64")
        return {"raw": from_base64(told["data_base64"], "data_base64")}
    if "data" not in told:
        return {}
    data = told["data"]
    if told.get("datacontentencoding") == "base64":
        return {"raw": from_base64(data, "data")}
    if isinstance(data, str) and content_type is not None and not is_json(content_type):
        return {"raw": data.encode("utf-8", "surrogatepass")}
    return {"payload": data}


def from_base64(text: "Any", what: str) -> bytes:
    """Decode Base64 strictly. Raises EnvelopeError that names `what`."""
    from binascii import Error, a2b_base64

    if isinstance(text, str):
        try:
            return a2b_base64(text, strict_mode=True)
        except (Error, ValueError):
            pass
    raise EnvelopeError(f"{what} is no Base64")


def _check(attributes: "dict[str, Any]") -> None:
    missing = [name for name in REQUIRED if not attributes.get(name)]
    if missing:
        raise EnvelopeError(f"the CloudEvent lacks {', '.join(missing)}")
    for name in _TEXTS:
        if not isinstance(attributes.get(name, ""), str):
            raise EnvelopeError(f"the CloudEvent's {name} is no text")
    if attributes["specversion"] not in VERSIONS:
        raise EnvelopeError(f"the CloudEvent's specversion is none of {', '.join(VERSIONS)}")


def _facts(attributes: "dict[str, Any]") -> "dict[str, Any]":
    return {
        "id": attributes["id"],
        "source": attributes["source"],
        "type": attributes["type"],
        "subject": attributes.get("subject"),
        "time": attributes.get("time"),
        "attributes": {name: value for name, value in attributes.items() if name not in _TAKEN},
    }


def media_type(content_type: str | None) -> str:
    """The media type without its parameters, in lower case."""
    return "" if content_type is None else content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Whether the media type is JSON or built on it (JSON event format, 3.1)."""
    media = media_type(content_type)
    return media.endswith(("/json", "+json"))
