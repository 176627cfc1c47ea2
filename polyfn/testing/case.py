"""What a golden case is, and how what was observed is held against it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyfn.toolchain.provider import Capability

if TYPE_CHECKING:
    from polyfn.testing.stage import Stage
    from polyfn.toolchain.dialect import Logged


#: Stands for a value that is the platform's own.
OWN = "(its own)"


class GoldenError(AssertionError):
    """The artifact does not do what it does on other platforms."""


class AbsentError(Exception):
    """The provider does not declare a capability that the case needs."""

    def __init__(self, target: str, capability: Capability) -> None:
        super().__init__(f"{target} does not declare the capability {capability.value!r}")
        self.capability = capability


class LackedError(Exception):
    """No way in carries what the case asks: the platform answers it itself. The message says why."""


@dataclass(frozen=True)
class Case:
    """One golden case. `capability` is the row of the matrix that it counts for.

    `run(stage)` raises GoldenError for what was observed and should not have been, LackedError where
    nothing can be observed.
    """

    name: str
    capability: Capability
    run: Callable[[Stage], Awaitable[None]]
    also: tuple[Capability, ...] = ()

    def absent(self, declared: Iterable[Capability]) -> Capability | None:
        """Return the first capability that this case needs and that is not declared."""
        return next((one for one in (self.capability, *self.also) if one not in set(declared)), None)

    async def check(self, stage: Stage) -> None:
        """Run it. Raises GoldenError for a failure.

        Raises AbsentError for a capability that is not declared, LackedError where no front carries it.
        """
        absent = self.absent(stage.provider.capabilities)
        if absent is not None:
            raise AbsentError(stage.provider.name, absent)
        await self.run(stage)


@dataclass(frozen=True)
class Line:
    """A line that the log must have. `facts` stand for a line `saw {...}` that has them.

    `inside` tells that the line is of an invocation, and must bear its request's id and its function.
    """

    level: str | None
    message: str = ""
    error: str | None = None
    facts: Mapping[str, Any] | None = None
    inside: bool = True


def saw(**facts: Any) -> Line:
    """Return the line of a golden function that logs these facts."""
    return Line("INFO", facts=facts)


@dataclass
class Comparison:
    """Collects what differs, so that one failure tells all of it."""

    what: str
    faults: list[str] = field(default_factory=list)

    def same(self, name: str, got: object, expected: object) -> None:
        """Note a difference."""
        if got != expected:
            self.faults.append(f"{name} is {got!r}, expected {expected!r}")

    def lines(
        self,
        got: Sequence[Logged],
        expected: Sequence[Line],
        function: str,
        *,
        several: bool,
        own: frozenset[str] = frozenset(),
    ) -> None:
        """Hold a log against the lines that it must have, in any order.

        Of the facts in `own` any value will do.
        """
        came = Counter(_told(line, own) for line in got)
        meant = Counter(_meant(line) for line in expected)
        self.faults += [f"the log lacks {text}" for text in (meant - came).elements()]
        self.faults += [f"the log has {text} and should not" for text in (came - meant).elements()]
        inside = {_meant(line) for line in expected if line.inside}
        for line in got:
            if (named := _told(line, own)) in inside:
                self._inside(line, named, function, several)

    def _inside(self, line: Logged, named: str, function: str, several: bool) -> None:
        if not line.request_id:
            self.faults.append(f"the line {named} bears no request id")
        elif (facts := _facts(line.message)) is not None and facts["request_id"] != line.request_id:
            other = facts["request_id"]
            self.faults.append(
                f"the line {named} is of request {line.request_id!r}, the context of {other!r}"
            )
        if line.function != function and (several or line.function is not None):
            self.faults.append(f"the line {named} is of function {line.function!r}, not {function!r}")

    def close(self) -> None:
        """Raise GoldenError if anything differed."""
        if self.faults:
            raise GoldenError("\n  ".join([f"{self.what}:", *self.faults]))


def _facts(message: str) -> dict[str, Any] | None:
    if not message.startswith("saw {"):
        return None
    facts: dict[str, Any] = json.loads(message.removeprefix("saw "))
    return facts


def _told(line: Logged, own: frozenset[str]) -> str:
    facts = _facts(line.message)
    if facts is not None:
        facts.pop("request_id", None)
        facts |= {name: OWN for name in own if facts.get(name) is not None}
    return _written(line.level, line.message, line.error, facts)


def _meant(line: Line) -> str:
    return _written(line.level, line.message, line.error, line.facts)


def _written(level: str | None, message: str, error: str | None, facts: Mapping[str, Any] | None) -> str:
    text = message if facts is None else "saw " + json.dumps(facts, sort_keys=True)
    return f"{level or 'text'} {text!r}" + (f" with {error}" if error else "")
