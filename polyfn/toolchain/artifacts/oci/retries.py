"""Another attempt after what is only temporary, with longer and longer waits."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from polyfn.toolchain.errors import RegistryError

#: Attempts, the first wait in seconds, and its growth (go-containerregistry's, and one attempt more).
_ATTEMPTS, _WAIT, _GROWTH, _JITTER = 4, 0.5, 3.0, 0.1
#: Seconds that a registry may make us wait.
_LONGEST = 60.0


class TemporaryError(Exception):
    """Worth another attempt. `after` are seconds that the registry asks for."""

    def __init__(self, error: RegistryError, after: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.after = error, after


def retried(attempt: Callable[[], httpx.Response], sleep: Callable[[float], None]) -> httpx.Response:
    """Make attempts until one is no temporary failure, with longer and longer waits. Raises RegistryError."""
    for number in range(_ATTEMPTS):
        try:
            return attempt()
        except TemporaryError as failure:
            if number == _ATTEMPTS - 1:
                raise failure.error from failure.__cause__
            wait = _WAIT * _GROWTH**number * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  it is no secret
            sleep(min(max(wait, failure.after or 0.0), _LONGEST))
    raise AssertionError


def after(text: str | None) -> float | None:
    """Return the seconds of a header Retry-After: a number or a date (RFC 9110, 10.2.3)."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((date - datetime.now(UTC)).total_seconds(), 0.0) if date.tzinfo else None
