"""Events: whatever Event Grid delivers, in its own schema or as CloudEvents."""

from polyfn.errors import TriggerMismatchError
from polyfn.events import Event
from polyfn_azure.runtime.verify import arrival, grid_event, mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.envelope import Invocation

TAKES = "events of Event Grid"


def decode(
    invocation: "Invocation",
    declaration: "Declaration",
    settings: "dict[str, Any]",  # noqa: ARG001
) -> "Event[Any]":
    """Return the event that came.

    Raises EnvelopeError for one that cannot be read, and TriggerMismatchError for what is none and for one
    of another type or source than the trigger names: a misspelt type must end among the dead letters,
    where the event is kept, and not in silence.
    """
    facts = arrival(invocation, "event")
    told = grid_event(facts, nested=True)
    if told is None:
        raise mismatch(facts, declaration, TAKES)
    from polyfn_azure.runtime import eventgrid

    event: Event[Any] = Event(native=facts.native(), **eventgrid.read(told, "Data.event"))
    trigger: Any = declaration.trigger
    if trigger.type not in (None, event.type) or trigger.source not in (None, event.source):
        raise TriggerMismatchError(
            f"an event of type {(event.type or '')[:100]!r} arrived, but the function declares {trigger!r}",
            hint="filter the event subscription, or declare the trigger for this type and source",
        )
    return event
