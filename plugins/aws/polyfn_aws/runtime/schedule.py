"""Schedules: scheduled rules of EventBridge, and EventBridge Scheduler with any payload."""

from polyfn.events import Tick
from polyfn_aws.runtime import single
from polyfn_aws.runtime.events import facts_of
from polyfn_aws.runtime.verify import is_bus_event, is_tick, mismatch, what_came

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.context import Context
    from polyfn.invoke import Invoker
    from polyfn_aws.runtime.dispatch import Serve


def server(invoker: "Invoker", settings: "dict[str, object]") -> "Serve":  # noqa: ARG001
    """Return what serves a function with a Schedule trigger.

    A schedule may be given a payload of one's own, and then Lambda is sent that and nothing else:
    it becomes the tick's payload, and the time and the schedule's name stay None.
    """

    def serve(event: "Any", context: "Context") -> bytes:
        if is_bus_event(event) and is_tick(event):
            tick: Tick[Any] = Tick(schedule=_schedule(event), **facts_of(event))
        elif what_came(event) is not None:
            raise mismatch(event, repr(invoker.declaration.trigger), "what EventBridge's schedules send")
        else:
            tick = Tick(payload=event, native=event)
        return single.run(invoker, [tick], context)

    return serve


def _schedule(event: "dict[str, Any]") -> str | None:
    """The name in the ARN of the rule (`rule/NAME`) or the schedule (`schedule/GROUP/NAME`)."""
    resources = event.get("resources")
    return resources[0].rpartition("/")[2] if resources else None
