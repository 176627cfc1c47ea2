"""Changes of objects."""

from polyfn.testing.case import Line, saw
from polyfn.testing.cases.single import DROPPED, FAILED, RETRIED
from polyfn.testing.delivering import AGAIN, DONE, case
from polyfn.testing.delivering import DROPPED as GONE
from polyfn.testing.neutral import change
from polyfn.toolchain.provider import Capability

_STORAGE = Capability.STORAGE
_KEY = "return/ä b+c%20d.txt"


def _saw(key: str, bucket: str = "golden", change: str = "created", size: int | None = 11) -> Line:
    return saw(bucket=bucket, key=key, change=change, size=size)


CASES = (
    case("storage-created", _STORAGE, "created", change("golden", "return/a.txt", size=11), becomes=[DONE],
         lines=[_saw("return/a.txt")]),
    case("storage-key-is-decoded-once", _STORAGE, "created", change("golden", _KEY, size=11), becomes=[DONE],
         lines=[_saw(_KEY)]),
    case("storage-deleted", _STORAGE, "deleted", change("golden-gone", "return/a.txt", change="deleted"),
         becomes=[DONE], lines=[_saw("return/a.txt", "golden-gone", "deleted", None)]),
    case("storage-retry", _STORAGE, "created", change("golden", "retry/a.txt", size=11), becomes=[AGAIN],
         lines=[_saw("retry/a.txt"), RETRIED]),
    case("storage-drop", _STORAGE, "created", change("golden", "drop/a.txt", size=11), becomes=[GONE],
         lines=[_saw("drop/a.txt"), DROPPED]),
    case("storage-failure", _STORAGE, "created", change("golden", "fail/a.txt", size=11), becomes=[AGAIN],
         lines=[_saw("fail/a.txt"), FAILED]),
)  # fmt: skip
