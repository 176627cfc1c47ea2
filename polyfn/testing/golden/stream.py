"""Golden functions that take records of a stream."""

from golden.acting import act, saw, saw_message

import polyfn
from polyfn import Context, Message, Stream


@polyfn.function(Stream("golden"))
def streamed(message: Message[dict], context: Context) -> None:  # type: ignore[type-arg]
    """Take plain records."""
    saw_message(message, context)
    act(message.data["do"])


@polyfn.function(Stream("golden-bytes"))
async def recorded(message: Message[bytes], context: Context) -> None:
    """Take records as the bytes that they are, asynchronously."""
    saw(context, raw=message.data.hex())
