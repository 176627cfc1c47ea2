"""Times as platforms tell them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Event
from polyfn.runtime.times import parse


@pytest.mark.parametrize(
    ("told", "when"),
    [
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.678Z", datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)),
        ("2024-01-02T03:04:05", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05+0530", datetime(2024, 1, 1, 21, 34, 5, tzinfo=UTC)),
        ("1970-01-01T00:00:00.000Z", datetime(1970, 1, 1, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1700000000.5, datetime(2023, 11, 14, 22, 13, 20, 500000, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        ("2024-13-01", None),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_a_time_is_aware_or_none(told: str | float, when: datetime | None) -> None:
    assert parse(told) == when
    # And so it is on an event, whose time may also come as a datetime.
    assert Event(time=told).time == when
    if when is not None:
        assert Event(time=when).time is when


@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7)), timezone(timedelta(minutes=345))])
    )
)
def test_iso_8601_round_trips(when: datetime) -> None:
    found = parse(when.isoformat())
    assert found == when
    assert found is not None
    assert found.utcoffset() == when.utcoffset()


@given(st.text() | st.floats() | st.integers())
def test_anything_is_a_time_or_none(told: str | float) -> None:
    found = parse(told)
    assert found is None or found.tzinfo is not None


def test_an_event_without_a_time_has_none() -> None:
    assert Event().time is None
