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

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: What each field is, its lowest and highest number, its names, and the number of the first name.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...], int], ...] = (
    ("minute", 0, 59, (), 0),
    ("hour", 0, 23, (), 0),
    ("day of month", 1, 31, (), 0),
    ("month", 1, 12, _MONTHS, 1),
    ("day of week", 0, 7, _DAYS, 0),
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
    written = [_field(text, *facts) for text, facts in zip(fields, _FIELDS, strict=True)]
    # A field that begins with `*` leaves the day to the other one, in cron as well.
    if not written[2].startswith("*") and not written[4].startswith("*"):
        raise CronError(
            "it names days of the month and of the week: cron runs on either, Azure on days that are both",
            "declare two functions, one for each",
        )
    return " ".join(["0", *written])


def _field(text: str, what: str, low: int, high: int, names: tuple[str, ...], first: int) -> str:
    if text == "?":
        return "*"
    return ",".join(_part(part, what, low, high, names, first) for part in text.split(","))


def _part(text: str, what: str, low: int, high: int, names: tuple[str, ...], first: int) -> str:
    found = _PART.fullmatch(text)
    if found is None:
        raise CronError(
            f"{text!r} is no {what} that Azure knows", f"it takes {low}-{high}, lists, ranges, steps"
        )
    star, start, end, step = found.groups()
    every = int(step) if step else 1
    if every < 1 or every > high:
        raise CronError(f"{text!r} has a step of {every}; expected 1 to {high} for the {what}")
    if star:
        return text
    begin = _number(start, what, low, high, names, first)
    if end is None and step:
        raise CronError(f"{text!r} means different times to different crons", f"write {begin}-{high}/{every}")
    last = begin if end is None else _number(end, what, low, high, names, first)
    if last < begin:
        raise CronError(
            f"{text!r} goes past the end of its range, which Azure turns round", "write it as two ranges"
        )
    return _listed(begin, last, every, week=what == "day of week")


def _number(text: str, what: str, low: int, high: int, names: tuple[str, ...], first: int) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + first
    number = int(text) if text.isdecimal() and text.isascii() else -1
    if not low <= number <= high:
        raise CronError(
            f"{text!r} is no {what}; expected {low} to {high}" + (f" or {names[0]}..." * bool(names))
        )
    return number


def _listed(begin: int, last: int, step: int, *, week: bool) -> str:
    if week and last == 7:
        days = sorted({number % 7 for number in range(begin, last + 1, step)})
        return ",".join(map(str, days))
    if begin == last:
        return str(begin)
    return f"{begin}-{last}" + (f"/{step}" if step > 1 else "")
