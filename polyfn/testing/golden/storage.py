"""Golden functions that changes of objects call. The first folder of the key says what to do."""

from golden.acting import act, saw

import polyfn
from polyfn import Context, ObjectChange, Storage


def _saw(change: ObjectChange, context: Context) -> None:
    saw(context, bucket=change.bucket, key=change.key, change=change.change, size=change.size)
    act(change.key.partition("/")[0])


@polyfn.function(Storage("golden"))
def created(change: ObjectChange, context: Context) -> None:
    """Take new objects."""
    _saw(change, context)


@polyfn.function(Storage("golden-gone", on="deleted"))
async def deleted(change: ObjectChange, context: Context) -> None:
    """Take objects that are gone, asynchronously."""
    _saw(change, context)
