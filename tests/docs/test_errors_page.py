"""docs/errors.md says everything about every error, and nothing else."""

import re
from pathlib import Path

import pytest

import polyfn.errors
import polyfn.toolchain.errors
from polyfn.errors import PolyfnError

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
SECTIONS = dict(re.findall(r"^## (PF\d{3} \w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ERRORS = [
    value
    for module in (polyfn.errors, polyfn.toolchain.errors)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, PolyfnError) and value.__module__ == module.__name__
]
#: A class without a code of its own has its base's: it groups errors and is never raised.
CODED = [error for error in ERRORS if "code" in vars(error)]


def test_codes_are_unique():
    codes = [error.code for error in CODED]
    assert len(codes) == len(set(codes)) > 20
    assert {error.__name__ for error in ERRORS} - {error.__name__ for error in CODED} == {"ToolchainError"}


def test_every_error_is_documented_and_no_other():
    assert set(SECTIONS) == {f"{error.code} {error.__name__}" for error in CODED}


def test_sections_are_in_order():
    assert list(SECTIONS) == sorted(SECTIONS)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_has_its_three_parts(title):
    body = SECTIONS[title]
    places = [body.find(f"**{part}.** ") for part in ("Symptom", "Cause", "Solution")]
    assert -1 not in places
    assert places == sorted(places)


def exit_table(text):
    rows = re.findall(r"^\| (\d+) \| ?(PF\dxx|) ?\| (.+?) \|$", text, re.MULTILINE)
    return {int(status): (codes, meaning) for status, codes, meaning in rows}


def test_the_exit_status_table_agrees_with_the_classes():
    table = exit_table(PAGE)
    assert set(table) == {0, 1, 2, 3, 4, 5, 130, 141}
    for error in CODED:
        assert table[error("x").exit_status][0] == f"PF{error.code[2]}xx"


def test_the_two_pages_have_the_same_table():
    cli = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    assert exit_table(cli) == exit_table(PAGE)


def test_the_trees_in_the_modules_name_every_code():
    for module in (polyfn.errors, polyfn.toolchain.errors):
        for error in CODED:
            if error.__module__ == module.__name__ and error is not PolyfnError:
                assert re.search(rf"{error.__name__} +{error.code} ", module.__doc__), error.__name__
