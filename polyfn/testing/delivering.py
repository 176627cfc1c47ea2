"""Cases of events: neutral events in, what becomes of each of them and the log out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyfn.events import Event
from polyfn.testing.case import OWN, Case, Comparison, GoldenError, Line
from polyfn.toolchain.provider import Capability

if TYPE_CHECKING:
    from polyfn.testing.stage import Stage
    from polyfn.toolchain.dialect import Form, Settled

#: What becomes of an event. `DROPPED` is done as well, and the log tells why.
DONE, AGAIN, DROPPED = "done", "again", "dropped"


@dataclass(frozen=True)
class Delivered:
    """Events for a function, and what is expected. It is run in every form that the platform has.

    `lines` are those of the log, None where they are not looked at. `delay` is what the platform must heed
    of `Retry(after=...)`: asked only of forms that can carry one.
    """

    function: str
    events: tuple[Event[Any], ...]
    outcomes: tuple[str, ...]
    lines: tuple[Line, ...] | None = ()
    delay: float | None = None

    async def __call__(self, stage: Stage) -> None:
        """Run it. Raises GoldenError."""
        entry = stage.entry(self.function)
        assert stage.provider.dialect is not None
        forms = stage.dialect.forms(entry, self.events)
        if self.delay is not None:
            forms = [form for form in forms if "delay" not in form.untold]
        if not forms:
            raise GoldenError(f"target {stage.provider.name!r} has no form for {self.function}")
        stage.forms.update({(str(entry.trigger["kind"]), form.name): form for form in forms})
        faults = [fault for form in forms if (fault := await self._fault(stage, form))]
        if faults:
            raise GoldenError("\n".join(faults))

    async def _fault(self, stage: Stage, form: Form) -> str | None:
        scene = await stage.scene(self.function)
        settled: list[Settled] = []
        for native in form.deliveries:
            settled += stage.dialect.settled(native, await scene.invoke(native))
            if form.ordered and len(form.deliveries) > 1 and settled[-1].again:
                break
        found = Comparison(f"{self.function} as {form.name}")
        self._settled(found, settled, form)
        if self.lines is not None:
            expected = [_without(line, form) for line in self.lines]
            got = await scene.wait_for_lines(len(expected))
            found.lines(got, expected, self.function, several=stage.provider.several, own=form.own)
        try:
            found.close()
        except GoldenError as error:
            return str(error)
        return None

    def _settled(self, found: Comparison, settled: Sequence[Settled], form: Form) -> None:
        """What the platform keeps back behind a failure, it delivers again as well."""
        got = [AGAIN if one.again else DONE for one in settled]
        got += [AGAIN] * (len(self.events) - len(got) if form.ordered else 0)
        found.same("what becomes of the events", got, [DONE if o == DROPPED else o for o in self.outcomes])
        if self.delay is not None:
            after = [one.after for one in settled if one.again]
            found.same("the delay", after, [self.delay] * self.outcomes.count(AGAIN))


def _without(line: Line, form: Form) -> Line:
    """What a form does not tell must be None: never an invented value."""
    if line.facts is None:
        return line
    facts = {name: None if name in form.untold else value for name, value in line.facts.items()}
    facts |= {name: OWN for name in form.own if name in facts}
    return Line(line.level, line.message, line.error, facts, line.inside)


def case(
    name: str,
    capability: Capability,
    function: str,
    *events: Event[Any],
    becomes: Sequence[str],
    lines: Sequence[Line] | None = (),
    delay: float | None = None,
    also: tuple[Capability, ...] = (),
) -> Case:
    """Return a case of events."""
    run: Callable[[Stage], Awaitable[None]] = Delivered(
        function, tuple(events), tuple(becomes), None if lines is None else tuple(lines), delay
    )
    return Case(name, capability, run, also)
