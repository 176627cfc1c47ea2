"""Events: any CloudEvent, from Eventarc, out of Pub/Sub, or from whoever sends one."""

from polyfn_gcp.runtime.verify import ANY, EXACT, NOT, mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.events import Event
    from polyfn.functions import Declaration
    from polyfn_gcp.runtime.verify import Arrival

TAKES = "CloudEvents"


def fit(arrival: "Arrival", declaration: "Declaration") -> int:
    """How well what came fits: by the type and the source that the trigger names."""
    trigger: Any = declaration.trigger
    if arrival.event is None or not _fits(arrival.event, trigger):
        return NOT
    return ANY if trigger.type is None and trigger.source is None else EXACT


def _fits(event: "Event[Any]", trigger: "Any") -> bool:
    return trigger.type in (None, event.type) and trigger.source in (None, event.source)


def decode(arrival: "Arrival", declaration: "Declaration") -> "Event[Any]":
    """Return the event that came.

    Raises TriggerMismatchError for what is none, and for one of another type or source than the
    trigger names: a misspelt type must end in the dead-letter topic, where the event is kept, and not
    in silence.
    """
    event = arrival.event
    trigger: Any = declaration.trigger
    if event is None or not _fits(event, trigger):
        raise mismatch(arrival, repr(trigger), TAKES)
    return event
