"""`@polyfn.function`: every form of it, and what it refuses."""

import functools
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import polyfn
from polyfn.errors import DeclarationError
from polyfn.functions import declared


def test_each_form_declares_and_gives_the_function_back() -> None:
    def plain(event: Any) -> Any: ...
    def called(event: Any) -> Any: ...
    def triggered(event: Any) -> Any: ...
    def named(event: Any) -> Any: ...

    assert polyfn.function(plain) is plain
    assert polyfn.function()(called) is called
    assert polyfn.function(polyfn.Queue("q"))(triggered) is triggered
    assert polyfn.function(polyfn.Http("GET", "/"), name="other-name")(named) is named
    assert list(declared) == ["plain", "called", "triggered", "other-name"]
    assert [entry.trigger for entry in declared.values()] == [
        polyfn.Call(), polyfn.Call(), polyfn.Queue("q"), polyfn.Http("GET", "/"),
    ]  # fmt: skip
    assert named.__polyfn__ is declared["other-name"]  # type: ignore[attr-defined]
    assert "other-name" in repr(declared["other-name"])


def test_the_decorated_function_is_the_authors_own() -> None:
    @polyfn.function
    def double(event: int) -> int:
        return event * 2

    assert double(4) == 8


def test_a_trigger_class_is_refused_with_the_remedy() -> None:
    with pytest.raises(DeclarationError, match="expected a trigger") as caught:
        polyfn.function(polyfn.Queue)
    assert "polyfn.Queue('orders')" in str(caught.value.hint)
    assert caught.value.code == "PF101"
    with pytest.raises(DeclarationError):
        polyfn.function("GET /")  # type: ignore[call-overload]
    with pytest.raises(DeclarationError, match="decorates a callable"):
        polyfn.function()(7)  # type: ignore[type-var]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a.b", "../x", "1st", 7])
def test_a_name_that_cannot_be_part_of_a_path_is_refused(name: Any) -> None:
    with pytest.raises(DeclarationError, match="cannot be named"):
        polyfn.function(name=name)(lambda: None)
    assert not declared


def test_what_has_no_name_needs_one() -> None:
    with pytest.raises(DeclarationError, match="no name of its own"):
        polyfn.function(lambda event: event)
    part = functools.partial(max, 1)
    with pytest.raises(DeclarationError, match="no name of its own"):
        polyfn.function(part)
    assert polyfn.function(name="part")(part) is part


def test_what_takes_no_attribute_is_declared_all_the_same() -> None:
    class Service:
        def handle(self, event: Any) -> Any:
            return event

    class Slotted:
        __slots__ = ()

        def __call__(self, event: Any) -> Any:
            return event

    bound = Service().handle
    polyfn.function(bound)
    polyfn.function(name="slotted")(Slotted())
    assert list(declared) == ["handle", "slotted"]


def test_two_functions_of_one_name_are_refused() -> None:
    def one() -> None: ...
    def two() -> None: ...

    polyfn.function(name="same")(one)
    with pytest.raises(DeclarationError, match="two functions are named 'same'") as caught:
        polyfn.function(name="same")(two)
    assert __name__ in str(caught.value)
    assert declared["same"].handler is one


def test_two_functions_of_one_name_in_one_module_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    twice = "@polyfn.function\ndef f(): return 1\n" * 2
    (tmp_path / "twice.py").write_text(f"import polyfn\n{twice}")
    with pytest.raises(DeclarationError, match="two functions are named 'f'"):
        importlib.import_module("twice")


def test_a_reloaded_module_declares_its_functions_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "reloaded.py").write_text("import polyfn\n@polyfn.function\ndef f(): return 1\n")
    module = importlib.import_module("reloaded")
    first = declared["f"].handler
    importlib.reload(module)
    assert declared["f"].handler is module.f is not first
    del sys.modules["reloaded"]
