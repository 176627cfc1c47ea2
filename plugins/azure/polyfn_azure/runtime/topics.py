"""Messages of topics: subscriptions of Service Bus, and topics of Event Grid.

Which of the two it is shows by what comes.
"""

from polyfn.events import Message
from polyfn_azure.runtime.verify import BUS, arrival, form_of, grid_event, kind_of, mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.metadata import Facts

TAKES = "messages of Service Bus topics and events of Event Grid topics"


def decode(
    invocation: "Invocation",
    declaration: "Declaration",
    settings: "dict[str, Any]",
) -> "list[Message[Any]]":
    """Make messages of what came: one, or several of Service Bus.

    Raises TriggerMismatchError for what is none, EnvelopeError for what cannot be read.
    """
    facts = arrival(invocation, "message")
    told = grid_event(facts, nested=kind_of(declaration, settings, "servicebus") == "eventgrid")
    if told is not None:
        return [_published(told, facts, declaration)]
    if form_of(facts) not in (BUS, None):
        raise mismatch(facts, declaration, TAKES)
    from polyfn_azure.runtime import servicebus

    return servicebus.messages(facts, declaration)


def _published(told: "dict[str, Any]", facts: "Facts", declaration: "Declaration") -> "Message[Any]":
    """A message whose payload is the event's data."""
    from polyfn_azure.runtime import eventgrid

    trigger: Any = declaration.trigger
    read = eventgrid.read(told, "Data.message")
    return Message(origin=trigger.name, native=facts.native(), **read)
