"""Cases of calls: JSON in, JSON and the log out, by direct invocation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyfn.events import Event
from polyfn.testing.case import Case, Comparison, GoldenError, Line
from polyfn.toolchain.provider import Capability

if TYPE_CHECKING:
    from polyfn.testing.stage import Stage
    from polyfn.toolchain.provider import Invoked

#: Stands for an answer that is a failure.
FAILURE = object()


@dataclass(frozen=True)
class Called:
    """An argument for a function, and what it returns, or that it fails."""

    function: str
    argument: Any
    expected: Any
    lines: tuple[Line, ...] | None = ()

    async def __call__(self, stage: Stage) -> None:
        """Run it. Raises GoldenError."""
        forms = stage.dialect.forms(stage.entry(self.function), [Event(payload=self.argument)])
        if not forms:
            raise GoldenError(f"target {stage.provider.name!r} has no form for {self.function}")
        for form in forms:
            scene = await stage.scene(self.function)
            found = Comparison(f"{self.function} as {form.name}")
            self._compare(found, await scene.invoke(form.deliveries[0]))
            if self.lines is not None:
                got = await scene.wait_for_lines(len(self.lines))
                found.lines(got, self.lines, self.function, several=stage.provider.several)
            found.close()

    def _compare(self, found: Comparison, invoked: Invoked) -> None:
        if self.expected is FAILURE:
            failed = invoked.error is not None or invoked.status >= 400
            found.same("whether it failed", failed, True)
            return
        found.same("the platform's word on failure", invoked.error, None)
        try:
            answer = json.loads(invoked.payload)
        except ValueError:
            answer = invoked.payload
        found.same("the answer", answer, self.expected)


def case(
    name: str,
    function: str,
    argument: Any,
    expected: Any,
    *,
    lines: Sequence[Line] | None = (),
    capability: Capability = Capability.CALL,
    also: tuple[Capability, ...] = (),
) -> Case:
    """Return a case of a call."""
    run = Called(function, argument, expected, None if lines is None else tuple(lines))
    return Case(name, capability, run, also)
