"""The two trace headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn_gcp.emulator.trace import Trace, trace_of

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@given(
    st.integers(1, 2**128 - 1).map("{:032x}".format),
    st.integers(1, 2**64 - 1).map("{:016x}".format),
    st.booleans(),
)
def test_either_header_carries_the_trace_on(trace_id, span_id, sampled):
    (_, parent), (_, cloud) = Trace(trace_id, span_id, sampled=sampled).headers()
    assert cloud == f"{trace_id}/{int(span_id, 16)};o={int(sampled)}"
    for trace in (trace_of(parent, None), trace_of(None, cloud), trace_of(parent, "junk")):
        assert (trace.trace_id, trace.sampled) == (trace_id, sampled)
        assert trace.span_id != span_id


@pytest.mark.parametrize(
    ("parent", "cloud", "goes_on", "sampled"),
    [
        (None, None, False, True),
        (f"00-{ID}-{SPAN}-00", f"{'1' * 32}/1;o=1", True, False),
        (f"cc-{ID}-{SPAN}-01-more", None, True, True),
        (f"ff-{ID}-{SPAN}-01", None, False, True),
        (f"00-{'0' * 32}-{SPAN}-01", None, False, True),
        (f"00-{ID}-{'0' * 16}-01", None, False, True),
        (f"00-{ID.upper()}-{SPAN}-01", None, False, True),
        (f"00-{ID}-{SPAN}", None, False, True),
        (None, ID, True, True),
        (None, f"{ID.upper()};o=0", True, False),
        (None, f"{ID}/123", True, True),
        (None, f"{ID}/12x", False, True),
        (None, f"{'0' * 32}/1;o=1", False, True),
    ],
)
def test_forms(parent, cloud, goes_on, sampled):
    trace = trace_of(parent, cloud)
    assert (trace.trace_id == ID) is goes_on
    assert trace.sampled is sampled
