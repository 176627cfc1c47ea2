"""Golden functions that take messages of a topic."""

from golden.acting import act, saw, saw_message

import polyfn
from polyfn import Context, Message, Topic


@polyfn.function(Topic("golden"))
def told(message: Message[dict], context: Context) -> None:  # type: ignore[type-arg]
    """Take plain messages."""
    saw_message(message, context)
    act(message.data["do"])


@polyfn.function(Topic("golden-text"))
async def read(message: Message[bytes], context: Context) -> None:
    """Take text that is no JSON, asynchronously."""
    saw(context, text=message.text)
