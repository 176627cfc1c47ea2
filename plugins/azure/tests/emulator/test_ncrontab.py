"""Schedules of timers: six fields, with the seconds first."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyfn_azure.emulator.ncrontab import ScheduleError, parse

START = datetime(2024, 2, 28, 23, 59, 58, tzinfo=UTC)


def after(text: str, count: int = 3) -> list[str]:
    found, moment = [], START
    for _ in range(count):
        moment = parse(text).next(moment)
        if moment is None:
            break
        found.append(f"{moment:%Y-%m-%d %H:%M:%S}")
    return found


@pytest.mark.parametrize(("text", "expected"), [
    ("* * * * * *", ["2024-02-28 23:59:59", "2024-02-29 00:00:00", "2024-02-29 00:00:01"]),
    ("0 */5 * * * *", ["2024-02-29 00:00:00", "2024-02-29 00:05:00", "2024-02-29 00:10:00"]),
    ("*/5 * * * *", ["2024-02-29 00:00:00", "2024-02-29 00:05:00", "2024-02-29 00:10:00"]),
    ("0 0 6 * * *", ["2024-02-29 06:00:00", "2024-03-01 06:00:00", "2024-03-02 06:00:00"]),
    ("0 30 9 * Jan Mon", ["2025-01-06 09:30:00", "2025-01-13 09:30:00", "2025-01-20 09:30:00"]),
    ("0 0 0 29 2 *", ["2024-02-29 00:00:00", "2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
    ("5,8,10 * * * * *", ["2024-02-29 00:00:05", "2024-02-29 00:00:08", "2024-02-29 00:00:10"]),
    ("0 5/20 * * * *", ["2024-02-29 00:05:00", "2024-02-29 00:25:00", "2024-02-29 00:45:00"]),
    ("0 0 0 1 * Fri", ["2024-03-01 00:00:00", "2024-11-01 00:00:00", "2025-08-01 00:00:00"]),
    ("0 0 9-17/4 * * *", ["2024-02-29 09:00:00", "2024-02-29 13:00:00", "2024-02-29 17:00:00"]),
    ("0 0 3-1 * * *", ["2024-02-29 01:00:00", "2024-02-29 02:00:00", "2024-02-29 03:00:00"]),
    ("0 0 0 30 2 *", []),
    ("0 0 12 * * Monday-friday", ["2024-02-29 12:00:00", "2024-03-01 12:00:00", "2024-03-04 12:00:00"]),
])  # fmt: skip
def test_next(text, expected):
    assert after(text) == expected


@pytest.mark.parametrize("text", [
    "", "* * *", "* * * * * * *", "60 * * * * *", "* * 24 * * *", "* * * 0 * *", "* * * * 13 *",
    "* * * * * 7",
    "a * * * * *", "*/0 * * * * *", "1-2-3 * * * * *", "-1 * * * * *", ", * * * * *", "* * * * xyz *",
])  # fmt: skip
def test_what_is_none(text):
    with pytest.raises(ScheduleError):
        parse(text)


def fields(low: int, high: int):
    number = st.integers(low, high)
    part = st.one_of(
        st.just("*"),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(st.just("*"), st.integers(1, 30)).map(lambda pair: f"*/{pair[1]}"),
        st.tuples(number, number, st.integers(1, 9)).map(lambda each: f"{each[0]}-{each[1]}/{each[2]}"),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


SIX = st.tuples(fields(0, 59), fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 6))
MOMENTS = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def matches(text: str, value: int, low: int, high: int) -> bool:
    """Whether a field has a value, by counting through it: as slow as it is plain."""
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = (str(low), "-", str(high)) if span == "*" else span.partition("-")
        begin, end = sorted((int(first), int(last if dash else first)))
        if value in range(begin, end + 1, int(step or 1)):
            return True
    return False


@settings(deadline=None, max_examples=60)
@given(SIX, MOMENTS)
def test_the_next_moment_matches(words, moment):
    found = parse(" ".join(words)).next(moment)
    assert found is not None
    assert found > moment
    ranges = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    told = (found.second, found.minute, found.hour, found.day, found.month, found.isoweekday() % 7)
    for word, value, (low, high) in zip(words, told, ranges, strict=True):
        assert matches(word, value, low, high)


@settings(deadline=None, max_examples=40)
@given(fields(0, 59), fields(0, 59), MOMENTS)
def test_nothing_is_left_out(seconds, minutes, moment):
    moment = moment.replace(microsecond=0)
    found = parse(f"{seconds} {minutes} * * * *").next(moment)
    each = moment + timedelta(seconds=1)
    while not (matches(seconds, each.second, 0, 59) and matches(minutes, each.minute, 0, 59)):
        each += timedelta(seconds=1)
    assert found == each
