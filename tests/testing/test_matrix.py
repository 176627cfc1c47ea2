"""docs/providers.md says what the suite finds."""

from pathlib import Path

import pytest

from polyfn.testing import matrix
from polyfn.testing.conformance import shared

# Making a bundle takes its time.
pytestmark = pytest.mark.timeout(300)

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"


def test_the_page_is_up_to_date(tmp_path_factory):
    made = matrix.render(matrix.reports(shared(tmp_path_factory)))
    page = PAGE.read_text()
    assert matrix.placed(page, made) == page, "write it anew: make matrix"
    assert "**fails**" not in made


def test_a_page_without_marks_is_left_alone():
    with pytest.raises(ValueError, match="lacks a line"):
        matrix.placed("# A page\n", "| a |\n")


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_it_says_how_it_is_used(arguments, capsys):
    assert matrix.main(arguments) == 2
    assert "usage: python -m polyfn.testing.matrix PAGE" in capsys.readouterr().err
