"""Events of a bus."""

from typing import Any

from polyfn.events import Event
from polyfn.testing.case import Line, saw
from polyfn.testing.cases.single import DROPPED, FAILED, MISFIT, RETRIED
from polyfn.testing.delivering import AGAIN, DONE, case
from polyfn.testing.delivering import DROPPED as GONE
from polyfn.testing.neutral import WHEN, event
from polyfn.toolchain.provider import Capability

_EVENTS = Capability.EVENTS


def _doing(do: str) -> Event[Any]:
    return event({"do": do, "text": "✓"}, type="golden.created", source="golden/shop")


def _saw(came: Event[Any]) -> Line:
    return saw(id=came.id, type=came.type, source=came.source, time=WHEN.isoformat(), data=came.payload)


_DONE, _RETRY, _DROP, _FAIL = (_doing(do) for do in ("return", "retry", "drop", "fail"))


def _placed(data: Any) -> Event[Any]:
    return event(data, type="golden.placed", source="golden/shop")


CASES = (
    case("events-return", _EVENTS, "happened", _DONE, becomes=[DONE], lines=[_saw(_DONE)]),
    case("events-retry", _EVENTS, "happened", _RETRY, becomes=[AGAIN], lines=[_saw(_RETRY), RETRIED]),
    case("events-drop", _EVENTS, "happened", _DROP, becomes=[GONE], lines=[_saw(_DROP), DROPPED]),
    case("events-failure", _EVENTS, "happened", _FAIL, becomes=[AGAIN], lines=[_saw(_FAIL), FAILED]),
    case("events-validated-and-async", _EVENTS, "placed", _placed({"do": "return", "number": "7"}),
         becomes=[DONE], lines=[saw(number=7)]),
    case("events-payload-that-does-not-fit", _EVENTS, "placed", _placed({"number": "x"}), becomes=[AGAIN],
         lines=[MISFIT]),
)  # fmt: skip
