"""NCRONTAB: the schedules of timers, `{second} {minute} {hour} {day} {month} {day-of-week}`.

The rules are those of the NCrontab library that the host uses: five fields leave the second out; a day has to
match both of its fields, where cron asks for one; a range that runs backwards is turned around.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: Name, lowest and highest value, and the words that stand for them.
_FIELDS: tuple[tuple[str, int, int, Sequence[str]], ...] = (
    ("second", 0, 59, ()), ("minute", 0, 59, ()), ("hour", 0, 23, ()),
    ("day", 1, 31, ()), ("month", 1, 12, _MONTHS), ("day of the week", 0, 6, _DAYS),
)  # fmt: skip
#: 29 February on one day of the week comes back within 40 years, 2100 included.
_YEARS = 41


class ScheduleError(Exception):
    """The text is no schedule; the message says which field."""


@dataclass(frozen=True)
class Schedule:
    """The values that match, by field. Days of the week count from Sunday, 0."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def next(self, after: datetime) -> datetime | None:
        """Return the first moment after the given one; None if it never comes, as 30 February."""
        start = after.replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        last = day.year + _YEARS
        while day.year < last:
            if day.month not in self.months:
                day = _month_after(day)
                continue
            if self._on(day) and (found := self._within(day, start)) is not None:
                return found
            day += timedelta(days=1)
        return None

    def shortest(self, after: datetime, *, looks: int = 4) -> timedelta | None:
        """Return the shortest interval among the next occurrences; None if there are not two."""
        moments: list[datetime] = []
        while len(moments) <= looks and (found := self.next(moments[-1] if moments else after)):
            moments.append(found)
        return min((later - earlier for earlier, later in pairwise(moments)), default=None)

    def _on(self, day: datetime) -> bool:
        return day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _within(self, day: datetime, start: datetime) -> datetime | None:
        earliest = (start.hour, start.minute, start.second) if day.date() == start.date() else (0, 0, 0)
        for hour in self.hours:
            if hour < earliest[0]:
                continue
            for minute in self.minutes:
                if (hour, minute) < earliest[:2]:
                    continue
                for second in self.seconds:
                    if (hour, minute, second) >= earliest:
                        return day.replace(hour=hour, minute=minute, second=second)
        return None


def _month_after(day: datetime) -> datetime:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def parse(text: str) -> Schedule:
    """Read a schedule of five or six fields. Raises ScheduleError."""
    words = text.split()
    if len(words) == 5:
        words.insert(0, "0")
    if len(words) != 6:
        raise ScheduleError(f"{text!r} has {len(words)} fields: there are six, with the seconds first")
    return Schedule(*(_values(word, *field) for word, field in zip(words, _FIELDS, strict=True)))


def _values(word: str, name: str, low: int, high: int, words: Sequence[str]) -> tuple[int, ...]:
    found: set[int] = set()
    for part in word.split(","):
        span, slash, step = part.partition("/")
        every = _number(step, name, 1, 1 << 30, ()) if slash else 1
        if span == "*":
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, name, low, high, words)
            # One value with a step runs to the end of the field.
            last = _number(end, name, low, high, words) if dash else high if every > 1 else first
        found.update(range(min(first, last), max(first, last) + 1, every))
    return tuple(sorted(found))


def _number(text: str, name: str, low: int, high: int, words: Sequence[str]) -> int:
    word = text.lower()
    value = -1
    if word.isascii() and word.isdigit():
        value = int(word)
    elif len(word) >= 3:
        full = [index for index, each in enumerate(words) if word[:3] == each]
        value = full[0] + low if full else -1
    if not low <= value <= high:
        wanted = f"from {low} to {high}" if high < 1 << 30 else "from 1"
        raise ScheduleError(f"{text!r} is no {name}: a number {wanted}")
    return value
