"""Events of a bus: EventBridge."""

from polyfn.events import Event
from polyfn_aws.runtime import single
from polyfn_aws.runtime.verify import is_bus_event, mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.context import Context
    from polyfn.invoke import Invoker
    from polyfn_aws.runtime.dispatch import Serve


def server(invoker: "Invoker", settings: "dict[str, object]") -> "Serve":  # noqa: ARG001
    """Return what serves a function with an Events trigger.

    An event of another type or source than the trigger names raises TriggerMismatchError: a misspelt
    type must end in the dead-letter queue, where the event is kept, and not in silence.
    """
    trigger: Any = invoker.declaration.trigger

    def serve(event: "Any", context: "Context") -> bytes:
        if not is_bus_event(event):
            raise mismatch(event, repr(trigger), "events of EventBridge")
        for named, came in ((trigger.type, event["detail-type"]), (trigger.source, event["source"])):
            if named is not None and named != came:
                raise _other(trigger, event)
        return single.run(invoker, [Event(**facts_of(event))], context)

    return serve


def facts_of(event: "dict[str, Any]") -> "dict[str, Any]":
    """The facts of an EventBridge envelope as keyword arguments of a neutral event.

    `detail` is the payload; EventBridge Scheduler sends it as JSON in a string. What the envelope
    has besides (account, region, resources, a replay's name) becomes attributes.
    """
    detail = event["detail"]
    payload = {"raw": detail.encode()} if isinstance(detail, str) else {"payload": detail}
    return {
        **payload,
        "id": event["id"],
        "source": event["source"],
        "type": event["detail-type"],
        "time": event.get("time"),
        "attributes": {name: value for name, value in event.items() if name not in _TAKEN},
        "native": event,
    }


_TAKEN = ("id", "source", "detail-type", "time", "detail", "version")


def _other(trigger: "Any", event: "dict[str, Any]") -> Exception:
    from polyfn.errors import TriggerMismatchError

    return TriggerMismatchError(
        f"an event of type {event['detail-type']!r} from {event['source']!r} arrived, but the function "
        f"declares {trigger!r}",
        hint="narrow the rule's event pattern, or the trigger, until both say the same",
    )
