"""Percent-decoding, with the standard library as the oracle."""

import urllib.parse

from hypothesis import given
from hypothesis import strategies as st

from polyfn.runtime.percent import pairs, unquote

#: Mostly escapes, whole, cut off and wrong, so that every branch is met.
TEXTS = st.lists(
    st.text(max_size=3)
    | st.text(st.characters(blacklist_categories=["Cs"]), max_size=3).map(urllib.parse.quote)
    | st.binary(max_size=3).map(urllib.parse.quote)
    | st.sampled_from(
        ["%", "%%", "%4", "%zz", "%+1", "% 1", "%1_", "&", "=", "+", "&&", "%C3", "%a9", "é", "\ud800"]
    )
).map("".join)


@given(TEXTS)
def test_unquote_is_that_of_the_standard_library(text: str) -> None:
    assert unquote(text) == urllib.parse.unquote(text)


@given(TEXTS)
def test_pairs_are_those_of_the_standard_library(text: str) -> None:
    assert pairs(text) == urllib.parse.parse_qsl(text, keep_blank_values=True)


@given(st.lists(st.tuples(st.text(), st.text())))
def test_what_is_encoded_comes_back(given_pairs: list[tuple[str, str]]) -> None:
    encodable = [(a, b) for a, b in given_pairs if (a + b).isprintable()]
    assert pairs(urllib.parse.urlencode(encodable)) == encodable
