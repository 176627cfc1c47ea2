"""Streams: records of an ordered log; a failure stops what is behind it."""

from polyfn.testing.case import saw
from polyfn.testing.cases.messages import DROPPED, FAILED, IDS, doing, seen
from polyfn.testing.delivering import AGAIN, DONE, case
from polyfn.testing.delivering import DROPPED as GONE
from polyfn.testing.neutral import message
from polyfn.toolchain.provider import Capability

_STREAM = Capability.STREAM
_BYTES = b"\x00\x01\xfe\xff" * 8
_ONE, _TWO = (doing(do, number, key="key-1") for number, do in enumerate(("return", "drop")))
_HELD = tuple(doing(do, number, key="key-1") for number, do in enumerate(("return", "fail", "return")))

CASES = (
    case("stream-in-order", _STREAM, "streamed", _ONE, _TWO, becomes=[DONE, GONE],
         lines=[seen(_ONE, "golden"), seen(_TWO, "golden"), DROPPED]),
    case("stream-bytes", _STREAM, "recorded", message(_BYTES, id=IDS[0], key="key-1"), becomes=[DONE],
         lines=[saw(raw=_BYTES.hex())]),
    case("stream-stops-at-a-failure", _STREAM, "streamed", *_HELD, becomes=[DONE, AGAIN, AGAIN],
         lines=[*(seen(one, "golden") for one in _HELD[:2]), FAILED], also=(Capability.PARTIAL_BATCH,)),
)  # fmt: skip
