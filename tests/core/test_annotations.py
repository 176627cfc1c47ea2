"""Binding in a module whose every annotation is text."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from pydantic import BaseModel

from polyfn import Call, Context, Message, Queue
from polyfn.binding import bind
from polyfn.errors import DeclarationError
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


class Lazy:
    """A handler whose annotations are evaluated when they are asked for, as functions' are in Python 3.14."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts
        self.__code__ = model.__code__
        self.__globals__ = globals()
        self.__defaults__ = None

    @property
    def __annotations__(self) -> dict[str, Any]:  # type: ignore[override]
        return {name: eval(text) for name, text in self.texts.items()}

    def __call__(self, event: Any, context: Any) -> None: ...


def test_a_name_for_type_checkers_alone_matters_only_where_it_chooses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library: Any = types.ModuleType("annotationlib")
    library.Format = types.SimpleNamespace(STRING="string")
    library.get_annotations = lambda handler, **_: handler.texts
    monkeypatch.setitem(sys.modules, "annotationlib", library)
    assert bind(Declaration("f", Call(), Lazy(event="Order", context="Unknown"))).target is Order
    with pytest.raises(DeclarationError, match="cannot be evaluated"):
        bind(Declaration("f", Call(), Lazy(event="Unknown")))
