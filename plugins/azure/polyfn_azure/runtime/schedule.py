"""Schedules: the host's timers.

When it was due is `ScheduleStatus.Next`: the host writes the status anew only after the run
(TimerListener.InvokeJobFunction in github.com/Azure/azure-webjobs-sdk-extensions), so in it the next
occurrence is this one. It may fire up to a second early; a `Next` later than that is of another run, as on
startup. There is no status for schedules of less than a minute.
"""

from polyfn.events import Tick
from polyfn_azure.runtime.verify import TIMER, arrival, form_of, mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.metadata import Facts

TAKES = "timers"

_EARLY = 1.0


def decode(
    invocation: "Invocation",
    declaration: "Declaration",
    settings: "dict[str, Any]",  # noqa: ARG001
) -> "Tick[Any]":
    """Make a tick of what came; it has no payload. Raises TriggerMismatchError for what is none."""
    facts = arrival(invocation, "timer")
    if form_of(facts) != TIMER:
        raise mismatch(facts, declaration, TAKES)
    told = facts.value.value
    status = told.get("ScheduleStatus")
    known = status if isinstance(status, dict) else {}
    return Tick(
        schedule=invocation.name,
        time=_due(known, facts),
        attributes=_attributes(told, known),
        attempt=facts.retries(),
        native=facts.native(),
    )


def _attributes(told: "dict[str, Any]", status: "dict[str, Any]") -> "dict[str, Any]":
    found = {"IsPastDue": told["IsPastDue"]}
    return found | {name: status[name] for name in ("Last", "Next", "LastUpdated") if name in status}


def _due(status: "dict[str, Any]", facts: "Facts") -> "datetime | None":
    due = _parse(status.get("Next"))
    if due is None or due.year == 1:
        return None
    now = _parse(facts.mapping("sys").get("UtcNow"))
    return None if now is not None and (due - now).total_seconds() > _EARLY else due


def _parse(told: "Any") -> "datetime | None":
    from polyfn.runtime import times

    return times.parse(told) if isinstance(told, str) else None
