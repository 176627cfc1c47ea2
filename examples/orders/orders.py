"""One small shop: an HTTP function, a queue, an audit of whole batches, a timer and a bucket."""

import logging

from pydantic import BaseModel

import polyfn
from polyfn import (
    Batch,
    Context,
    Drop,
    Http,
    HTTPError,
    Message,
    ObjectChange,
    Queue,
    Request,
    Retry,
    Schedule,
    Storage,
    Tick,
)

log = logging.getLogger(__name__)


class Order(BaseModel):
    id: str
    quantity: int = 1


class Warehouse:
    """Stands for a client with connections: made on first use, closed when the process stops."""

    def __init__(self) -> None:
        self.reserved: dict[str, Order] = {}

    def reserve(self, order: Order) -> bool:
        self.reserved[order.id] = order
        return order.quantity < 100

    def close(self) -> None:
        log.info("warehouse closed")


@polyfn.resource
def warehouse() -> Warehouse:
    return Warehouse()


@polyfn.function(Http("GET", "/orders/{order_id}"))
def show(request: Request) -> Order:
    order = warehouse().reserved.get(request.params["order_id"])
    if order is None:
        raise HTTPError(404, "no such order")
    return order


@polyfn.function(Queue("orders", concurrency=10))
async def fulfil(message: Message[Order]) -> None:
    order = message.data
    if order.quantity < 1:
        raise Drop(f"order {order.id} asks for nothing")
    if not warehouse().reserve(order):
        raise Retry("not enough in stock", after=30)


@polyfn.function(Queue("audit"))
def audit(batch: Batch[Order], context: Context) -> None:
    for message in batch:
        with message:  # an exception in here fails this message alone
            log.info("order %s, delivery %s", message.data.id, message.attempt)
    context.defer(lambda: log.info("audited %d", len(batch)))


@polyfn.function(Schedule("0 6 * * *"))
def nightly(tick: Tick) -> None:
    log.info("due at %s", tick.time)


@polyfn.function(Storage("uploads", on="created"))
def thumbnail(change: ObjectChange) -> None:
    log.info("%s bytes arrived", change.size)
