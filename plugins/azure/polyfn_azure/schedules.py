"""Cron as polyfn has it, five fields, as NCRONTAB, six: seconds in front, and another dialect.

What differs, of what both can say (https://github.com/atifaziz/NCrontab,
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions):

- a day of month and a day of week: cron runs on either, NCRONTAB on days that are both;
- Sunday is 0, and never 7;
- a range that is the wrong way round is turned, and not gone through the end of the week;
- there is no `?`, `L`, `W` or `#`.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class _Field(NamedTuple):
    """One field: what it is, its lowest and highest number, and its names, of which the first is `low`."""

    what: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEK = _Field("day of week", 0, 7, _DAYS)
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _WEEK,
)
_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?")


class CronError(ValueError):
    """A cron expression that NCRONTAB cannot say; `hint` is what to write instead."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def ncrontab(cron: str) -> str:
    """Return the six fields that the host runs at the same times. Raises CronError."""
    fields = cron.split()
    if len(fields) != len(_FIELDS):
        raise CronError(f"it has {len(fields)} fields; expected five")
    written = [_field(text, field) for text, field in zip(fields, _FIELDS, strict=True)]
    # A field that begins with `*` leaves the day to the other one, in cron as well.
    if not written[2].startswith("*") and not written[4].startswith("*"):
        raise CronError(
            "it names days of the month and of the week: cron runs on either, Azure on days that are both",
            "declare two functions, one for each",
        )
    return " ".join(["0", *written])


def _field(text: str, field: _Field) -> str:
    return "*" if text == "?" else ",".join(_part(part, field) for part in text.split(","))


def _part(text: str, field: _Field) -> str:
    found = _PART.fullmatch(text)
    if found is None:
        takes = f"it takes {field.low}-{field.high}, lists, ranges and steps"
        raise CronError(f"{text!r} is no {field.what} that Azure knows", takes)
    star, start, end, step = found.groups()
    every = int(step) if step else 1
    if not 1 <= every <= field.high:
        raise CronError(f"{text!r} has a step of {every}; expected 1 to {field.high} for the {field.what}")
    if star:
        return text
    begin = _number(start, field)
    if end is None and step:
        raise CronError(
            f"{text!r} means different times to different crons", f"write {begin}-{field.high}/{every}"
        )
    last = begin if end is None else _number(end, field)
    if last < begin:
        what = f"{text!r} goes past the end of its range, which Azure turns round"
        raise CronError(what, "write it as two ranges")
    return _listed(begin, last, every, week=field is _WEEK)


def _number(text: str, field: _Field) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    number = int(text) if text.isdecimal() and text.isascii() else -1
    if not field.low <= number <= field.high:
        raise CronError(f"{text!r} is no {field.what}; expected {field.low} to {field.high}")
    return number


def _listed(begin: int, last: int, step: int, *, week: bool) -> str:
    if week and last == 7:
        days = sorted({number % 7 for number in range(begin, last + 1, step)})
        return ",".join(map(str, days))
    if begin == last:
        return str(begin)
    return f"{begin}-{last}" + (f"/{step}" if step > 1 else "")
