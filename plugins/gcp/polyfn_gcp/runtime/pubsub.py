"""Messages of Pub/Sub, however they come: pushed wrapped or unwrapped, or through Eventarc.

The shapes are those of https://cloud.google.com/pubsub/docs/push and
https://cloud.google.com/pubsub/docs/payload-unwrapping. A wrapped message has its id and its time in
two spellings, or in one of them.
"""

from polyfn_gcp.runtime import cloudevents
from polyfn_gcp.runtime.verify import EnvelopeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from polyfn.events import Event

#: The CloudEvent that Eventarc makes of a message.
MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"

_PREFIX = "x-goog-pubsub-"


class Published:
    """One message: `raw`, `attributes`, `id`, `time`, `key`, `attempt`, and where it came from.

    `subscription` and `topic` are full names such as `projects/p/topics/t`, or None where the sender
    does not tell. `native` is the sender's own object.
    """

    __slots__ = ("attempt", "attributes", "id", "key", "native", "raw", "subscription", "time", "topic")

    def __init__(
        self,
        raw: bytes,
        attributes: "Mapping[str, str]",
        *,
        id: str | None = None,  # noqa: A002
        time: "str | datetime | None" = None,
        key: str | None = None,
        attempt: int | None = None,
        subscription: str | None = None,
        topic: str | None = None,
        native: "Any" = None,
    ) -> None:
        self.raw = raw
        self.attributes = attributes
        self.id = id
        self.time = time
        self.key = key
        self.attempt = attempt
        self.subscription = subscription
        self.topic = topic
        self.native = native

    def content_type(self) -> str | None:
        """The content type that the publisher set, in the spelling of CloudEvents or of HTTP."""
        for name in ("content-type", "Content-Type", "ce-datacontenttype"):
            if name in self.attributes:
                return self.attributes[name]
        return None

    def event(self, *, encoded: bool) -> "Event[Any] | None":
        """The CloudEvent that was published as this message, if it is one.

        https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md: attributes with
        `ce-` in front, or a structured event by its content-type.
        """
        headers = {name.lower(): value for name, value in self.attributes.items()}
        mode = cloudevents.mode_of(headers)
        if mode is None or mode == cloudevents.BATCH:
            return None
        try:
            event = cloudevents.read(mode, headers, self.raw, self.native, encoded=encoded)[0]
        except EnvelopeError:
            return None  # attributes that happen to be named so: it is a message all the same
        event.attempt = self.attempt
        return event


def is_push(told: "Any") -> bool:
    """Whether a decoded body is the envelope of a push."""
    return (
        isinstance(told, dict)
        and isinstance(told.get("message"), dict)
        and isinstance(told.get("subscription"), str)
    )


def wrapped(told: "dict[str, Any]", *, topic: str | None = None) -> Published:
    """Read the envelope of a push, or the data of Eventarc's event. Raises EnvelopeError."""
    message = told.get("message")
    if not isinstance(message, dict):
        raise EnvelopeError("the Pub/Sub envelope has no message")
    data = message.get("data")
    attempt = told.get("deliveryAttempt")
    return Published(
        b"" if data is None else cloudevents.from_base64(data, "message.data"),
        _attributes(message),
        id=_text(message, "messageId", "message_id"),
        time=_text(message, "publishTime", "publish_time"),
        key=_text(message, "orderingKey", "ordering_key"),
        attempt=attempt if type(attempt) is int else None,
        subscription=_text(told, "subscription"),
        topic=topic,
        native=told,
    )


def _attributes(message: "dict[str, Any]") -> "dict[str, str]":
    told = message.get("attributes")
    if told is None:
        return {}
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise EnvelopeError("the Pub/Sub message's attributes are no object of texts")
    return told


def _text(told: "dict[str, Any]", *names: str) -> str | None:
    for name in names:
        value = told.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def is_unwrapped(headers: "Mapping[str, str]") -> bool:
    """Whether the headers are those of a push without its wrapper, with metadata."""
    return f"{_PREFIX}message-id" in headers or f"{_PREFIX}subscription-name" in headers


def unwrapped(headers: "Mapping[str, str]", body: bytes, native: "Any") -> Published:
    """Read a push without wrapper; the message's attributes are headers among the others."""
    attempt = headers.get(f"{_PREFIX}delivery-attempt", "")
    return Published(
        body,
        attributes_of(headers),
        id=headers.get(f"{_PREFIX}message-id"),
        time=headers.get(f"{_PREFIX}publish-time"),
        key=headers.get(f"{_PREFIX}ordering-key") or None,
        attempt=int(attempt) if attempt.isdecimal() else None,
        subscription=headers.get(f"{_PREFIX}subscription-name"),
        native=native,
    )


#: Headers of the way that a request took, which are no facts of a message. Credentials among them.
_OF_THE_WAY = frozenset((
    "accept", "accept-encoding", "authorization", "baggage", "connection", "content-length", "cookie",
    "forwarded", "from", "host", "te", "traceparent", "tracestate", "transfer-encoding", "user-agent", "via",
    "x-serverless-authorization", "x-cloud-trace-context",
))  # fmt: skip


def attributes_of(headers: "Mapping[str, str]") -> "dict[str, str]":
    """The headers that say something of the message, by their names in lower case."""
    return {
        name: value
        for name, value in headers.items()
        if name not in _OF_THE_WAY and not name.startswith(("x-forwarded-", _PREFIX))
    }


def of_event(event: "Event[Any]") -> Published:
    """Read the message in an event of Eventarc's. Raises EnvelopeError."""
    from polyfn.errors import PayloadError

    try:
        told = event.payload
    except PayloadError:
        raise EnvelopeError("the data of the Pub/Sub event is not JSON") from None
    if not isinstance(told, dict):
        raise EnvelopeError("the data of the Pub/Sub event is no JSON object")
    found = wrapped(told, topic=(event.source or "").removeprefix("//pubsub.googleapis.com/") or None)
    found.id = found.id or event.id
    found.time = found.time or event.time
    found.native = event.native
    return found
