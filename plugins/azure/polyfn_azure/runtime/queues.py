"""Messages of queues: Storage queues, and queues of Service Bus.

Which of the two it is shows by what comes, and where it does not, by the settings.
"""

from polyfn.events import Message
from polyfn_azure.runtime.values import OBJECT
from polyfn_azure.runtime.verify import BUS, QUEUE, arrival, form_of, kind_of, mismatch, payload_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.metadata import Facts

TAKES = "messages of Storage queues and of Service Bus queues"

#: Facts of a message that have no attribute of their own (QueueTriggerBinding.CreateBindingData).
_ATTRIBUTES = ("ExpirationTime", "InsertionTime", "NextVisibleTime", "PopReceipt")


def decode(
    invocation: "Invocation", declaration: "Declaration", settings: "dict[str, Any]"
) -> "list[Message[Any]]":
    """Make messages of what came: one, or several of Service Bus.

    Raises TriggerMismatchError for what is none, EnvelopeError for what cannot be read.
    """
    facts = arrival(invocation, "message")
    form = form_of(facts)
    if form == BUS or (form is None and kind_of(declaration, settings, "storage") == "servicebus"):
        from polyfn_azure.runtime import servicebus

        return servicebus.messages(facts, declaration)
    if form not in (QUEUE, None) or facts.value.kind == OBJECT:
        raise mismatch(facts, declaration, TAKES)
    return [_message(facts, declaration)]


def _message(facts: "Facts", declaration: "Declaration") -> "Message[Any]":
    trigger: Any = declaration.trigger
    attributes = {name: facts.genuine[name] for name in _ATTRIBUTES if name in facts.genuine}
    return Message(
        id=facts.text("Id"),
        time=facts.time("InsertionTime"),
        attributes=attributes,
        attempt=facts.number("DequeueCount"),
        origin=trigger.name,
        native=facts.native(),
        **payload_of(facts.value, facts),
    )
