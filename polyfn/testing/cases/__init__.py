"""The golden cases, by capability. `every()` returns all of them, in the order of the matrix."""

from __future__ import annotations

from polyfn.testing.case import Case
from polyfn.testing.cases import beyond, call, events, http, queue, schedule, storage, stream, topic


def every() -> tuple[Case, ...]:
    """Return every golden case. Names are unique."""
    homes = (call, http, queue, topic, stream, schedule, storage, events, beyond)
    return tuple(case for home in homes for case in home.CASES)
