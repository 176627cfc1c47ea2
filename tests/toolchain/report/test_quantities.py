from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.errors import ProjectError
from polyfn.toolchain.project.settings import read
from polyfn.toolchain.report.quantities import parse_size, parse_time, signed, size_text, time_text

SIZES = {
    "B": 1, "kB": 10**3, "KB": 10**3, "mb": 10**6, "MB": 10**6, "GB": 10**9,
    "KiB": 2**10, "kiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip
TIMES = {"us": 1, "µs": 1, "ms": 10**3, "s": 10**6}
NUMBERS = st.decimals(min_value=0, max_value=10**6, places=3, allow_nan=False)


@given(NUMBERS, st.sampled_from(sorted(SIZES)), st.sampled_from(["", " "]))
def test_a_size_is_its_number_times_its_unit(number, unit, space):
    assert parse_size(f"{number}{space}{unit}") == int(number * SIZES[unit])


@given(NUMBERS, st.sampled_from(sorted(TIMES)))
def test_a_time_is_its_number_times_its_unit(number, unit):
    assert parse_time(f"{number} {unit}") == int(number * TIMES[unit])


@given(st.integers(min_value=0, max_value=10**12))
def test_what_is_written_for_people_reads_back_as_nearly_the_same(number):
    assert parse_size(f"{number} B") == number
    assert parse_time(f"{number} us") == number
    for text, parse, units in (
        (size_text(number), parse_size, SIZES),
        (time_text(number), parse_time, TIMES),
    ):
        written, unit = text.split()
        last_digit = units[unit] * 10 ** Decimal(written).as_tuple().exponent
        assert abs(parse(text) - number) <= last_digit / 2 + 1e-6 * number


NO_SIZES = ("", "12", "MB", "-1 MB", "1,5 MB", "12 MBit", "1e3 kB", "12 XB", "1 2 MB", "\u0663 MB")
NO_TIMES = ("", "150", "ms", "-1 s", "150 MS", "2 min", "1.s")


@pytest.mark.parametrize(
    ("parse", "text"),
    [(parse_size, text) for text in NO_SIZES] + [(parse_time, text) for text in NO_TIMES],
)
def test_what_is_no_quantity(parse, text):
    with pytest.raises(ValueError, match="with its unit, such as"):
        parse(text)


def test_a_sign():
    assert [signed(size_text(n)) for n in (2_000_000, -2_000_000, 5)] == ["+2.0 MB", "-2.0 MB", "+5 B"]


def test_the_budget_of_a_project():
    budget = read({"budget": {"zip": "12 MB", "import": "150 ms"}}, "pyproject.toml").budget
    assert (budget.zip, budget.unpacked, budget.import_) == (12_000_000, None, 150_000)
    assert read({}, "pyproject.toml").budget.zip is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"zip": "12"}, r"tool\.polyfn\.budget\.zip = '12': .*expected a size with its unit"),
        ({"zip": 12}, r"tool\.polyfn\.budget\.zip = 12: .*expected a size with its unit"),
        ({"import": "fast"}, r"tool\.polyfn\.budget\.import = 'fast': .*expected a time with its unit"),
        ({"memory": "1 MB"}, r"tool\.polyfn\.budget\.memory"),
    ],
)
def test_a_wrong_budget_is_told(table, said):
    with pytest.raises(ProjectError, match=said):
        read({"budget": table}, "pyproject.toml")
