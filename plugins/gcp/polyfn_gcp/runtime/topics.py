"""Messages of topics: Pub/Sub, pushed or through Eventarc.

A push tells its subscription and not its topic, so there a topic's name is compared with the
subscription's, and any other will do as well where no function takes it by name.
"""

from polyfn.events import Message
from polyfn_gcp.runtime.verify import EXACT, NOT, OTHER, PUSH, UNTOLD, UNWRAPPED, mismatch, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_gcp.runtime.pubsub import Published
    from polyfn_gcp.runtime.verify import Arrival

TAKES = "messages of Pub/Sub, pushed or through Eventarc"


def fit(arrival: "Arrival", declaration: "Declaration") -> int:
    """How well what came fits; see verify."""
    found = arrival.published
    return NOT if found is None else fit_by_name(found, declaration.trigger)


def fit_by_name(found: "Published", trigger: "Any") -> int:
    """How well a message fits a trigger with a name: by its topic or by its subscription."""
    names = (found.topic, found.subscription, short(found.topic), short(found.subscription))
    if trigger.name in names:
        return EXACT
    return UNTOLD if found.topic is None else OTHER


def decode(arrival: "Arrival", declaration: "Declaration") -> "Message[Any]":
    """Make a message of what came. Raises TriggerMismatchError for what is none."""
    found = arrival.published
    if found is None:
        raise mismatch(arrival, repr(declaration.trigger), TAKES)
    return message_of(arrival, found, short(found.topic))


def message_of(arrival: "Arrival", found: "Published", origin: str | None) -> "Message[Any]":
    """Make a message; its id is Pub/Sub's own, that of a published CloudEvent is among its attributes."""
    # Of a push the event is what was published; else it is Eventarc's wrapper, which says nothing new.
    told = arrival.event if arrival.form in (PUSH, UNWRAPPED) else None
    return Message(
        raw=found.raw,
        id=found.id,
        source=found.topic or found.subscription,
        type=None if told is None else told.type,
        subject=None if told is None else told.subject,
        time=found.time,
        content_type=found.content_type(),
        attributes=found.attributes,
        attempt=found.attempt,
        key=found.key,
        origin=origin,
        native=found.native,
    )
