"""function.json of one function, made by the `azure-functions` library and mended.

What the library gives is for its own worker. For a custom handler the host wants it otherwise (observed
with 1.26.0 and 2.3.0, held by tests):

| the library | here |
|---|---|
| `scriptFile` always, though no such file is beside it | left out: the host drops the function |
| enums in upper case, or as objects | lower case |
| `retry` left out, and in words of its own | as the host has it |
| a second get_functions() fails | an application for each function |
| a warning of the root logger, which sets logging up | kept quiet |
"""

from __future__ import annotations

import contextlib
import enum
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from polyfn.toolchain.manifest import FunctionEntry
from polyfn_azure.bindings import Bound, Decorator, bind
from polyfn_azure.settings import AzureSettings, Retry

#: Keys whose values are words that the library has as enums, or takes in any case.
_WORDS = frozenset({"direction", "dataType", "cardinality", "authLevel"})


def function_json(entry: FunctionEntry, settings: AzureSettings) -> dict[str, Any]:
    """Return the content of `<function>/function.json`. Raises ValueError as `bind` does."""
    bound = bind(entry, settings)
    written: dict[str, Any] = {"bindings": [_mended(one) for one in _made(entry.name, bound)]}
    if bound.retry is not None:
        written["retry"] = retry(bound.retry)
    if settings.function(entry.name).disabled:
        written["disabled"] = True
    return written


def retry(told: Retry) -> dict[str, Any]:
    """Return function.json's `retry`."""
    if told.strategy == "fixed":
        delay = {"delayInterval": span(told.delay)}
        return {"strategy": "fixedDelay", "maxRetryCount": told.count, **delay}
    limits = {"minimumInterval": span(told.minimum), "maximumInterval": span(told.maximum)}
    return {"strategy": "exponentialBackoff", "maxRetryCount": told.count, **limits}


def span(seconds: int) -> str:
    """Return a .NET TimeSpan: `hh:mm:ss`, with days in front where there are any."""
    days, rest = divmod(seconds, 86400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}.{clock}" if days else clock


def _made(name: str, bound: Bound) -> list[dict[str, Any]]:
    import azure.functions as func

    app = func.FunctionApp()
    function: Any = app.function_name(name)(_handler)
    for decorator in (*bound.outputs, bound.trigger):
        function = _applied(app, decorator)(function)
    with _quiet():
        (made,) = app.get_functions()
    bindings: list[dict[str, Any]] = made.get_dict_repr()["bindings"]
    return sorted(bindings, key=_place)


def _applied(app: Any, decorator: Decorator) -> Any:
    return getattr(app, decorator.name)(**decorator.arguments)


def _handler() -> None:
    """Stands for the handler, which the library would have called by its own worker."""


def _place(binding: Mapping[str, Any]) -> tuple[bool, bool]:
    """The trigger first, then HTTP's reply; the others stay in the order they were declared in."""
    return not str(binding["type"]).endswith("Trigger"), binding["type"] != "http"


def _mended(binding: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _word(key, value) for key, value in binding.items() if value is not None}


def _word(key: str, value: Any) -> Any:
    if isinstance(value, enum.Enum):
        # Of some enums the name is the word, and of others the value.
        value = value.value if isinstance(value.value, str) else value.name
    if key == "methods":
        return [_word("direction", one) for one in value]
    return value.lower() if key in _WORDS else value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's warning from being printed, and from setting up the root logger."""
    root, nothing = logging.getLogger(), logging.NullHandler()
    before = root.manager.disable
    root.addHandler(nothing)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        root.removeHandler(nothing)
