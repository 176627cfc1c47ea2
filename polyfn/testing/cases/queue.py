"""Queues: each message is settled on its own."""

from polyfn.testing.case import Line, saw
from polyfn.testing.cases.messages import DROPPED, FAILED, IDS, MISFIT, RETRIED, doing, seen
from polyfn.testing.delivering import AGAIN, DONE, case
from polyfn.testing.delivering import DROPPED as GONE
from polyfn.testing.neutral import message
from polyfn.toolchain.provider import Capability

_QUEUE, _PARTIAL = Capability.QUEUE, Capability.PARTIAL_BATCH

_DONE, _RETRY, _DROP, _FAIL = (doing(do) for do in ("return", "retry", "drop", "fail"))
_THREE = (doing("return", 0), doing("fail", 1), doing("drop", 2))
_MIXED = (doing("return", 0), doing("fail", 1), doing("return", 2))
_FIFO = tuple(doing(do, number, key="group-1") for number, do in enumerate(("return", "fail", "return")))
_THIRD = doing("return", attempt=3)

CASES = (
    case("queue-return", _QUEUE, "worked", _DONE, becomes=[DONE], lines=[seen(_DONE, "golden")]),
    case("queue-retry", _QUEUE, "worked", _RETRY, becomes=[AGAIN], lines=[seen(_RETRY, "golden"), RETRIED]),
    case("queue-drop", _QUEUE, "worked", _DROP, becomes=[GONE], lines=[seen(_DROP, "golden"), DROPPED]),
    case("queue-failure", _QUEUE, "worked", _FAIL, becomes=[AGAIN], lines=[seen(_FAIL, "golden"), FAILED]),
    case("queue-third-attempt", _QUEUE, "worked", _THIRD, becomes=[DONE], lines=[seen(_THIRD, "golden")]),
    case("queue-validated-and-async", _QUEUE, "worked_async", _DROP, becomes=[GONE],
         lines=[seen(_DROP, "golden-async"), DROPPED]),
    case("queue-payload-that-does-not-fit", _QUEUE, "worked_async", message({"number": "x"}, id=IDS[0]),
         becomes=[AGAIN], lines=[MISFIT]),
    case("queue-payload-that-is-no-json", _QUEUE, "worked_async", message(b"{no json", id=IDS[0]),
         becomes=[AGAIN], lines=[MISFIT]),
    case("queue-text-like-base64", _QUEUE, "weighed", message(b"dGVzdA==", id=IDS[0]), becomes=[DONE],
         lines=[saw(raw=b"dGVzdA==".hex())]),
    case("queue-text-like-a-number", _QUEUE, "weighed", message(b"1234", id=IDS[0]), becomes=[DONE],
         lines=[saw(raw=b"1234".hex())]),
    case("queue-unicode", _QUEUE, "weighed", message("✓ \U0001f600\n".encode(), id=IDS[0]), becomes=[DONE],
         lines=[saw(raw="✓ \U0001f600\n".encode().hex())]),
    case("queue-one-batch-of-one", _QUEUE, "audited", _DONE, becomes=[DONE], lines=[Line("INFO", "batch")]),
    case("retry-delay", Capability.RETRY_DELAY, "worked", _RETRY, becomes=[AGAIN], delay=30.0,
         lines=[seen(_RETRY, "golden"), RETRIED], also=(_QUEUE,)),
    case("partial-failure-of-messages", _PARTIAL, "worked", *_THREE, becomes=[DONE, AGAIN, GONE],
         lines=[*(seen(one, "golden") for one in _THREE), FAILED, DROPPED], also=(_QUEUE,)),
    case("partial-failure-of-messages-async", _PARTIAL, "worked_async", *_THREE, becomes=[DONE, AGAIN, GONE],
         lines=[*(seen(one, "golden-async") for one in _THREE), FAILED, DROPPED], also=(_QUEUE,)),
    case("partial-failure-by-with", _PARTIAL, "audited", *_THREE, becomes=[DONE, AGAIN, GONE], lines=None,
         also=(_QUEUE,)),
    case("partial-failure-by-id", _PARTIAL, "named", *_MIXED, becomes=[DONE, AGAIN, DONE], also=(_QUEUE,)),
    case("partial-failure-in-order", _PARTIAL, "worked", *_FIFO, becomes=[DONE, AGAIN, AGAIN],
         lines=[*(seen(one, "golden") for one in _FIFO[:2]), FAILED], also=(_QUEUE,)),
)  # fmt: skip
