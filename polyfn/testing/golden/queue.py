"""Golden functions that take messages of a queue."""

from golden.acting import act, log, saw, saw_message
from pydantic import BaseModel

import polyfn
from polyfn import Batch, Context, Message, Queue


class Order(BaseModel):
    """A validated payload."""

    do: str
    number: int = 0


@polyfn.function(Queue("golden"))
def worked(message: Message[dict], context: Context) -> None:  # type: ignore[type-arg]
    """Take plain messages."""
    saw_message(message, context)
    act(message.data["do"])


@polyfn.function(Queue("golden-async"))
async def worked_async(message: Message[Order], context: Context) -> None:
    """Take validated messages, asynchronously."""
    saw_message(message, context)
    act(message.data.do)


@polyfn.function(Queue("golden-bytes"))
def weighed(message: Message[bytes], context: Context) -> None:
    """Take messages as the bytes that they are."""
    saw(context, raw=message.data.hex())


@polyfn.function(Queue("golden-batch"))
def audited(batch: Batch[dict]) -> None:  # type: ignore[type-arg]
    """Take the whole batch, and settle each message."""
    log.info("batch")
    for message in batch:
        with message:
            act(message.data["do"])


@polyfn.function(Queue("golden-named"))
async def named(batch: Batch[dict]) -> None:  # type: ignore[type-arg]
    """Take the whole batch, and fail messages by their ids."""
    for message in batch:
        if message.data["do"] == "fail":
            assert message.id is not None
            batch.fail(message.id)
