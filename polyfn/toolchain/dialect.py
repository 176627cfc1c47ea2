"""What a provider says of its platform's words, both ways, so that one suite can speak to all of them.

A dialect is the inverse of a provider's runtime: the runtime makes neutral events of native ones, a
dialect makes native events of neutral ones, and reads answers and log lines back into neutral terms.
`polyfn.testing` is who asks it. It stays home, and it should be written from the platform's
documentation, not from the runtime: what both have wrong, no test of theirs can find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyfn.events import Event
from polyfn.toolchain.manifest import FunctionEntry

if TYPE_CHECKING:
    from polyfn.toolchain.provider import Invoked


@dataclass(frozen=True)
class Form:
    """One way in which the platform delivers some events.

    `deliveries` are native events, as the JSON that `Emulator.invoke` takes: one that holds every event,
    or one for each, in their order. `untold` names the facts that this form has no place for: attributes
    of the neutral event, which must arrive as None, and `delay`, that of `Retry(after=...)`. `own` names
    those for which the platform has a value of its own, which must arrive, whatever it is. `ordered` tells
    that the platform holds back what follows a failure.
    """

    name: str
    deliveries: tuple[Any, ...]
    untold: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    ordered: bool = False


@dataclass(frozen=True)
class Settled:
    """What the platform does with an event after the answer: deliver it again, or not.

    `after` is the delay in seconds that it was asked for and heeds.
    """

    again: bool
    after: float | None = None


@dataclass(frozen=True)
class Logged:
    """One line of a function's log.

    `level` is DEBUG, INFO, WARNING, ERROR or CRITICAL, None for text that has none, as `print` writes
    it. `function` is None where the platform keeps a log per function; `error` is the name of the
    exception's type. `message` goes without the error's type, text and stack.
    """

    message: str
    level: str | None = None
    function: str | None = None
    request_id: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Front:
    """One way in which HTTP reaches a function: a name, and the emulator's options for it.

    `lacks` names the golden cases that this front cannot carry, with the reason. What every front lacks is
    not run, and stands in the matrix.
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect:
    """How one platform says what is neutral.

    `forms(entry, events)` gives every form in which the platform delivers these events to this function:
    messages of a queue, a topic or a stream, or one Tick, ObjectChange or Event; for a Call, an Event
    whose payload is the argument. `settled(native, invoked)` reads the answer to one delivery: one
    Settled per event in it. `logged(line)` reads a line of `Emulation.log`, None for one that the
    platform or the emulator wrote. `environment` is what the suite starts artifacts with.
    """

    forms: Callable[[FunctionEntry, Sequence[Event[Any]]], Sequence[Form]]
    settled: Callable[[Any, Invoked], Sequence[Settled]]
    logged: Callable[[str], Logged | None]
    environment: Mapping[str, str] = field(default_factory=dict)
    fronts: tuple[Front, ...] = (Front("http"),)
