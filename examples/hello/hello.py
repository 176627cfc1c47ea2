# /// script
# requires-python = ">=3.11"
# dependencies = ["pydantic>=2.9"]
# ///
"""The same function twice: on a plain dict, and on a pydantic model."""

from pydantic import BaseModel

import polyfn


@polyfn.function
def hello(event: dict) -> dict:
    return {"message": f"hello, {event.get('name') or 'world'}"}


class Greeting(BaseModel):
    name: str = "world"


class Reply(BaseModel):
    message: str


@polyfn.function
def hello_model(event: Greeting, context: polyfn.Context) -> Reply:
    return Reply(message=f"hello, {event.name}")
