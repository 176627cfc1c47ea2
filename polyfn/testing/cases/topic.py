"""Topics: messages that are published to every subscriber."""

from polyfn.testing.case import saw
from polyfn.testing.cases.messages import DROPPED, FAILED, IDS, RETRIED, doing, seen
from polyfn.testing.delivering import AGAIN, DONE, case
from polyfn.testing.delivering import DROPPED as GONE
from polyfn.testing.neutral import message
from polyfn.toolchain.provider import Capability

_TOPIC = Capability.TOPIC
_DONE, _RETRY, _DROP, _FAIL = (doing(do) for do in ("return", "retry", "drop", "fail"))
_TEXT = "no json ✓"

CASES = (
    case("topic-return", _TOPIC, "told", _DONE, becomes=[DONE], lines=[seen(_DONE, "golden")]),
    case("topic-retry", _TOPIC, "told", _RETRY, becomes=[AGAIN], lines=[seen(_RETRY, "golden"), RETRIED]),
    case("topic-drop", _TOPIC, "told", _DROP, becomes=[GONE], lines=[seen(_DROP, "golden"), DROPPED]),
    case("topic-failure", _TOPIC, "told", _FAIL, becomes=[AGAIN], lines=[seen(_FAIL, "golden"), FAILED]),
    case("topic-text", _TOPIC, "read", message(_TEXT.encode(), id=IDS[0]), becomes=[DONE],
         lines=[saw(text=_TEXT)]),
)  # fmt: skip
