"""For those who test functions, and those who write providers. It stays home: no artifact has it.

| name | what it is |
|---|---|
| `invoke`, `ainvoke` | call a decorated function with a neutral event, as a platform would |
| `message`, `tick`, `change`, `event`, `request` | neutral events |
| `ProviderConformance` | the golden suite as a pytest class; importing it needs pytest |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyfn.testing.conformance import ProviderConformance
    from polyfn.testing.invoking import Answer, ainvoke, invoke
    from polyfn.testing.neutral import change, event, message, request, tick

__all__ = [
    "Answer",
    "ProviderConformance",
    "ainvoke",
    "change",
    "event",
    "invoke",
    "message",
    "request",
    "tick",
]

_HOMES = {
    "Answer": "invoking",
    "ProviderConformance": "conformance",
    "ainvoke": "invoking",
    "change": "neutral",
    "event": "neutral",
    "invoke": "invoking",
    "message": "neutral",
    "request": "neutral",
    "tick": "neutral",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'polyfn.testing' has no attribute {name!r}")
    return getattr(import_module(f"polyfn.testing.{_HOMES[name]}"), name)
