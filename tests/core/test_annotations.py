"""Binding in a module whose every annotation is text."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from polyfn import Call, Context, Message, Queue
from polyfn.binding import bind
from polyfn.functions import Declaration


class Order(BaseModel):
    id: int


def model(event: Order, context: Context) -> None: ...
def message(message: Message[Order]) -> None: ...
def plain(event: dict[str, Any]) -> None: ...
def maybe(event: Order | None) -> None: ...
def quoted(event: "Order") -> None: ...


def test_postponed_annotations_choose_the_same_levels() -> None:
    levels = [bind(Declaration("f", Call(), handler)).level for handler in (model, plain, maybe, quoted)]
    assert levels == ["validated", "payload", "validated", "validated"]
    binding = bind(Declaration("f", Queue("q"), message))
    assert (binding.level, binding.target) == ("event", Order)
