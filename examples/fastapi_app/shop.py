"""An existing FastAPI application as a function: nothing in it knows polyfn but the last line."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

import polyfn


class Order(BaseModel):
    id: str
    quantity: int = 1


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict]:
    yield {"orders": {}}  # once per process: clients and pools are made here, and closed after the yield


app = FastAPI(title="shop", lifespan=lifespan)


@app.get("/")
async def root(name: str = "world") -> dict:
    return {"message": f"hello, {name}"}


@app.put("/orders/{order_id}", status_code=201)
async def put(order_id: str, quantity: int, request: Request, tasks: BackgroundTasks) -> Order:
    order = Order(id=order_id, quantity=quantity)
    request.state.orders[order_id] = order
    tasks.add_task(print, f"confirmed {order_id}")  # runs after the reply, before the process is frozen
    return order


@app.get("/orders/{order_id}")
async def show(order_id: str, request: Request) -> Order:
    order = request.state.orders.get(order_id)
    if order is None:
        raise HTTPException(404, "no such order")
    return order


@app.get("/numbers")
async def numbers() -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return StreamingResponse(pieces(), media_type="text/plain")


api = polyfn.asgi(app)
