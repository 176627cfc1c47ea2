"""Trace context: the vectors of W3C's specification, and X-Ray's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.runtime.trace import Trace, parse_traceparent, parse_xray

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{ID}-{SPAN}-01", True),
        (f"00-{ID}-{SPAN}-00", False),
        (f"00-{ID}-{SPAN}-03", True),
        (f"00-{ID}-{SPAN}-fe", False),
        (f"  00-{ID}-{SPAN}-01 ", True),
        # A later version may add fields, and its first four are read (3.2.2.1, versioning).
        (f"01-{ID}-{SPAN}-01", True),
        (f"cc-{ID}-{SPAN}-01-what-the-future-will-be-like", True),
    ],
)
def test_a_valid_traceparent_is_read(header: str, sampled: bool) -> None:
    trace = parse_traceparent(header, "a=1")
    assert trace == Trace(ID, SPAN, sampled=sampled, state="a=1")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        "garbage",
        f"00-{ID}-{SPAN}",
        f"00-{ID}-{SPAN}-01-extra",
        f"ff-{ID}-{SPAN}-01",
        f"00-{ID.upper()}-{SPAN}-01",
        f"00-{ID}-{SPAN.upper()}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID[:-1]}-{SPAN}-01",
        f"00-{ID}-{SPAN}0-01",
        f"00-{ID}-{SPAN}-1",
        f"00-{ID}-{SPAN}-0x",
        f"0-{ID}-{SPAN}-01",
        f"0x-{ID}-{SPAN}-01",
        f"00-{'g' * 32}-{SPAN}-01",
    ],
)
def test_an_invalid_traceparent_is_none(header: str) -> None:
    assert parse_traceparent(header) is None


def hexes(length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=length, max_size=length).filter(lambda text: text.strip("0"))


@given(hexes(32), hexes(16), st.booleans())
def test_a_traceparent_is_read_as_it_is_written(trace_id: str, span_id: str, sampled: bool) -> None:
    trace = Trace(trace_id, span_id, sampled=sampled)
    assert trace.traceparent is not None
    again = parse_traceparent(trace.traceparent)
    assert again == trace
    assert hash(again) == hash(trace)
    assert trace_id in repr(trace)


@given(st.text())
def test_any_header_is_a_trace_or_none(header: str) -> None:
    assert parse_traceparent(header) is None or "-" in header
    assert parse_xray(header) is None or "Root=1-" in header


XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793"
XRAY_ID = "5759e988bd862e3fe1be46a994272793"


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (f"{XRAY};Parent=53995c3f42cd8ad8;Sampled=1", Trace(XRAY_ID, "53995c3f42cd8ad8", sampled=True)),
        (f"Sampled=0; Parent=53995c3f42cd8ad8; {XRAY}", Trace(XRAY_ID, "53995c3f42cd8ad8")),
        (
            f"{XRAY};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:1|b:2",
            Trace(XRAY_ID, "53995c3f42cd8ad8", sampled=True),
        ),
        (XRAY, Trace(XRAY_ID, None)),
        (f"{XRAY};Parent=;Sampled=?", Trace(XRAY_ID, None)),
        ("", None),
        ("Root=", None),
        ("Parent=53995c3f42cd8ad8", None),
        ("Root=2-5759e988-bd862e3fe1be46a994272793", None),
        ("Root=1-5759e98-8bd862e3fe1be46a994272793", None),
        ("Root=1-00000000-000000000000000000000000", None),
        ("Root=1-5759e988-bd862e3fe1be46a99427279", None),
        ("Root=1-5759E988-BD862E3FE1BE46A994272793", None),
    ],
)
def test_an_x_ray_header(header: str, trace: Trace | None) -> None:
    assert parse_xray(header) == trace


def test_without_a_span_there_is_nothing_to_pass_on() -> None:
    assert Trace(ID, None).traceparent is None
    assert Trace(ID, SPAN) != (ID, SPAN)
