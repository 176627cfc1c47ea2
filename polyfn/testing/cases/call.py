"""Calls: JSON in, JSON out, and what a function's log is like."""

from polyfn.testing import asking, calling
from polyfn.testing.calling import FAILURE
from polyfn.testing.case import Line

_ANY = {"text": "wörld ✓ \u0000 \U0001f600", "number": 1.5, "big": 2**53, "none": None, "list": [[], {}]}
_LEVELS = (
    Line("INFO", "at info"),
    Line("WARNING", "at warning"),
    Line("ERROR", "at error"),
    Line("CRITICAL", "at critical"),
    Line(None, "golden: printed", inside=False),
    Line("ERROR", "caught", error="KeyError"),
)
_MET = {"function": "met", "identified": True, "time": True, "started": 1, "made": 1, "same": True}

CASES = (
    calling.case("call-json", "echoed", _ANY, {"got": _ANY}),
    calling.case("call-list", "echoed", [1, "two"], {"got": [1, "two"]}),
    calling.case("call-text", "echoed", "text", {"got": "text"}),
    calling.case("call-validated", "greeted", {"name": "Ada", "times": "2"}, {"message": "hello, Ada Ada"}),
    calling.case("call-refuses-what-does-not-fit", "greeted", {"name": ["none"]}, FAILURE, lines=None),
    calling.case("call-bytes", "sized", {"a": 1}, {"size": 7}),
    calling.case("call-context-start-hook-and-resource", "met", {}, _MET),
    calling.case("call-logs", "levels", {}, "logged", lines=_LEVELS),
    calling.case(
        "call-fails", "failing", {}, FAILURE, lines=(Line("ERROR", "the handler failed", error="ValueError"),)
    ),
    asking.called("call-over-http", "greeted", {"name": "Ada"}, 200, {"message": "hello, Ada"}),
    asking.called(
        "call-fails-over-http",
        "failing",
        {},
        500,
        lines=(Line("ERROR", "the handler failed", error="ValueError"),),
    ),
)
