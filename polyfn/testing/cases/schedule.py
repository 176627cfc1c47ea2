"""Schedules."""

from polyfn.testing.case import saw
from polyfn.testing.cases.single import DROPPED, FAILED, RETRIED
from polyfn.testing.delivering import AGAIN, DONE, case
from polyfn.testing.delivering import DROPPED as GONE
from polyfn.testing.neutral import WHEN, tick
from polyfn.toolchain.provider import Capability

_SCHEDULE = Capability.SCHEDULE
_SAW = saw(time=WHEN.isoformat())

CASES = (
    case("schedule-return", _SCHEDULE, "ticked", tick(), becomes=[DONE], lines=[_SAW]),
    case("schedule-async", _SCHEDULE, "ticked_async", tick(), becomes=[DONE], lines=[_SAW]),
    case("schedule-retry", _SCHEDULE, "ticked_retry", tick(), becomes=[AGAIN], lines=[RETRIED]),
    case("schedule-drop", _SCHEDULE, "ticked_drop", tick(), becomes=[GONE], lines=[DROPPED]),
    case("schedule-failure", _SCHEDULE, "ticked_fail", tick(), becomes=[AGAIN], lines=[FAILED]),
)
