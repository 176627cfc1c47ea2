"""Five-field cron as NCRONTAB: the same times, or a refusal that says what to write."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn_azure.schedules import CronError, ncrontab

DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 6 * * *", "0 0 6 * * *"),
        ("*/5 * * * *", "0 */5 * * * *"),
        ("0 6 * * MON-FRI", "0 0 6 * * 1-5"),
        ("0 0 1 JAN,jul *", "0 0 0 1 1,7 *"),
        ("0 0 ? * 7", "0 0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 0 * * 0,5,6"),
        ("0 0 * * 1-7/2", "0 0 0 * * 0,1,3,5"),
        ("10-50/20 8,18 * * *", "0 10-50/20 8,18 * * *"),
    ],
)
def test_it_is_written_anew(cron, expected):
    assert ncrontab(cron) == expected


@pytest.mark.parametrize(
    ("cron", "word"),
    [
        ("0 0 13 * 5", "days that are both"),
        ("0 22-2 * * *", "two ranges"),
        ("0 0 * * SAT-SUN", "two ranges"),
        ("5/15 * * * *", "5-59/15"),
        ("0 0 L * *", "day of month"),
        ("0 0 * * 2#1", "day of week"),
        ("60 * * * *", "0 to 59"),
        ("0 0 0 * *", "1 to 31"),
        ("0 0 * * 8", "0 to 7"),
        ("*/0 * * * *", "a step of 0"),
        ("@daily", "five"),
    ],
)
def test_what_means_something_else_is_refused(cron, word):
    with pytest.raises(CronError) as caught:
        ncrontab(cron)
    assert word in f"{caught.value} {caught.value.hint}"


def parts(low, high):
    number = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(
        lambda two: "-".join(map(str, sorted(two)))
    )
    stepped = st.tuples(st.one_of(span, st.just("*")), st.integers(1, high)).map(
        lambda two: f"{two[0]}/{two[1]}"
    )
    some = st.lists(st.one_of(number, span, stepped), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), st.just("?"), some)


def numbers(field, low, high):
    """The numbers of a field, by the rules that both dialects share."""
    found = set()
    for part in field.replace("?", "*").split(","):
        body, _, step = part.partition("/")
        first, _, last = body.partition("-")
        begin, end = (low, high) if body == "*" else (int(first), int(last or first))
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


def by_cron(cron, moment):
    """Whether Vixie cron runs at this minute: days of the month or of the week where both are told."""
    fields = cron.split()
    minute, hour, day, month, week = (
        numbers(text, *limits) for text, limits in zip(fields, LIMITS, strict=True)
    )
    if not (moment.minute in minute and moment.hour in hour and moment.month in month):
        return False
    on_day, on_week = moment.day in day, moment.isoweekday() % 7 in {number % 7 for number in week}
    both = all(not text.startswith(("*", "?")) for text in (fields[2], fields[4]))
    return on_day or on_week if both else on_day and on_week


def by_ncrontab(expression, moment):
    """Whether NCRONTAB does: every field has to fit, and Sunday is 0."""
    fields = expression.split()
    values = (0, moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
    limits = ((0, 59), *LIMITS[:4], (0, 6))
    return all(
        value in numbers(text, *limit) for text, value, limit in zip(fields, values, limits, strict=True)
    )


@given(st.tuples(*(parts(*limits) for limits in LIMITS)).map(" ".join), st.integers(0, 1440 * 366 - 1))
def test_both_run_at_the_same_minutes(cron, minutes):
    moment = datetime(2028, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    try:
        written = ncrontab(cron)
    except CronError:
        return
    assert by_ncrontab(written, moment) == by_cron(cron, moment)
