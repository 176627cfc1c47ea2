"""What function.json says of one function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Binding:
    """One binding. `type` and `data_type` are in lower case: the host reads both in any case.

    `keys` are the binding's own, as written.
    """

    name: str
    type: str
    direction: str
    data_type: str | None = None
    keys: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_trigger(self) -> bool:
        """Whether it invokes the function."""
        return self.type.endswith("trigger")

    @property
    def deferred(self) -> bool:
        """Whether the content stays where it is, and a reference to it is sent instead."""
        properties = self.keys.get("properties")
        return isinstance(properties, dict) and properties.get("supportsDeferredBinding") is True

    def text(self, key: str, default: str = "") -> str:
        """Return a key's text."""
        value = self.keys.get(key)
        return value if isinstance(value, str) else default


@dataclass(frozen=True)
class RetryPolicy:
    """function.json's `retry`. `count` -1 is without end; delays are seconds."""

    exponential: bool
    count: int
    delay: float = 0.0
    longest: float = 0.0

    def pause(self, retry: int) -> float:
        """Return the seconds before a retry, which count from 1."""
        if not self.exponential:
            return self.delay
        return float(min(self.delay * 2 ** min(retry - 1, 32), self.longest))


@dataclass(frozen=True)
class Function:
    """A function of the app; its name is that of its folder."""

    name: str
    bindings: tuple[Binding, ...]
    retry: RetryPolicy | None = None
    disabled: bool = False

    @property
    def trigger(self) -> Binding:
        """The one binding that invokes it."""
        return next(binding for binding in self.bindings if binding.is_trigger)

    @property
    def outputs(self) -> tuple[Binding, ...]:
        """The bindings that take what it gives."""
        return tuple(binding for binding in self.bindings if binding.direction != "in")

    @property
    def http(self) -> bool:
        """Whether it is invoked over HTTP."""
        return self.trigger.type == "httptrigger"

    @property
    def http_alone(self) -> bool:
        """Whether it is HTTP in and out and nothing else: only then it can be proxied or forwarded."""
        inputs = [binding for binding in self.bindings if binding.direction == "in"]
        return self.http and len(inputs) == 1 and [out.type for out in self.outputs] == ["http"]
