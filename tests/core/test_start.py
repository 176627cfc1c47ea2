"""From a bundle's start script to the one function that a process serves."""

import sys
from pathlib import Path
from typing import Any

import pytest

from polyfn.errors import FunctionNotFoundError, ModuleLoadError
from polyfn.runtime.start import choose, load

ONE = {"functions": {"hello": "app"}, "default": None}
TWO = {"functions": {"hello": "app", "bye": "app"}, "default": None}


@pytest.mark.parametrize(
    ("start", "wanted", "chosen"),
    [
        (ONE, None, "hello"),
        (ONE, "hello", "hello"),
        (ONE, "index.handler", "hello"),
        (ONE, "", "hello"),
        (TWO, "bye", "bye"),
        ({**TWO, "default": "bye"}, None, "bye"),
        ({**TWO, "default": "bye"}, "hello", "hello"),
        ({**TWO, "default": "bye"}, "unknown", "bye"),
    ],
)
def test_the_wanted_the_default_or_the_only_one(
    start: dict[str, Any], wanted: str | None, chosen: str
) -> None:
    assert choose(start, wanted) == chosen


@pytest.mark.parametrize("wanted", [None, "", "other"])
def test_an_open_choice_names_what_there_is(wanted: str | None) -> None:
    with pytest.raises(FunctionNotFoundError, match="expected one of: bye, hello") as caught:
        choose(TWO, wanted)
    assert "name of the function" in str(caught.value.hint)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set(sys.modules)

    def write(text: str, path: str = "app.py") -> dict[str, Any]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
        return {"functions": {"hello": path.removesuffix(".py").replace("/", ".")}, "default": None}

    yield write
    for name in set(sys.modules) - modules:
        if name.split(".")[0] in ("app", "package"):
            del sys.modules[name]


@pytest.mark.parametrize("path", ["app.py", "package/app.py"])
def test_the_module_is_imported_and_its_declaration_returned(app: Any, path: str) -> None:
    declaration = load(app("import polyfn\n@polyfn.function\ndef hello(event): return 1", path), "hello")
    assert (declaration.name, declaration.handler(None)) == ("hello", 1)


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("1/0", "ZeroDivisionError: division by zero", None),
        ("def broken(:", "SyntaxError", None),
        ("import not_there_at_all.sub", "ModuleNotFoundError", "'not_there_at_all'"),
        ("raise SystemExit(0)", "SystemExit: 0", "__name__ == '__main__'"),
        ("import polyfn\npolyfn.function(polyfn.Queue)", "DeclarationError", None),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(app: Any, text: str, told: str, hint: str | None) -> None:
    with pytest.raises(ModuleLoadError, match="'app' cannot be imported") as caught:
        load(app(text), "hello")
    assert told in str(caught.value)
    assert caught.value.__cause__ is not None
    assert caught.value.hint == hint if hint is None else hint in str(caught.value.hint)


def test_a_module_without_the_function_names_what_it_declares(app: Any) -> None:
    with pytest.raises(FunctionNotFoundError, match="it declares: other") as caught:
        load(app("import polyfn\n@polyfn.function\ndef other(): ..."), "hello")
    assert "after it was packaged" in str(caught.value.hint)


def test_case_18_loading_twice_runs_the_module_once(app: Any) -> None:
    start = app(
        "import polyfn, sys\n"
        "sys.app_runs = getattr(sys, 'app_runs', 0) + 1\n"
        "@polyfn.function\ndef hello(): ..."
    )
    assert load(start, "hello") is load(start, "hello")
    assert sys.app_runs == 1  # type: ignore[attr-defined]
    del sys.app_runs  # type: ignore[attr-defined]
