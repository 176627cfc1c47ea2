"""Context: ids, traces, the deadline, the region."""

import http.server
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.http import Headers, Request
from polyfn_gcp.runtime import context as contexts
from polyfn_gcp.runtime import native
from polyfn_gcp.runtime.context import maker, parse_cloud_trace, timeout_of, trace_of

TRACE = "0123456789abcdef0123456789abcdef"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def environ(monkeypatch):
    """The environment that the runtime reads."""
    told = {}
    monkeypatch.setattr(native, "environ", told)
    return lambda **more: told.update({name.encode(): value.encode() for name, value in more.items()})


def request(**headers):
    pairs = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method="POST", raw_path="/", headers=Headers(pairs))


def test_what_is_not_told_is_made_or_none(environ):
    make = maker("f", {})
    one, two = make(request()), make(request())
    assert (one.function, one.provider, one.version, one.trace, one.attempt) == ("f", "gcp", None, None, None)
    assert one.request_id != two.request_id
    assert len(one.request_id) == 32
    assert (one.cold_start, two.cold_start) == (True, False)


def test_the_trace_is_the_id(environ):
    environ(K_SERVICE="hello", K_REVISION="hello-00007-abc", K_CONFIGURATION="hello")
    made = maker("f", {})(request(traceparent=PARENT, tracestate="a=b"))
    assert made.request_id == TRACE
    assert (made.trace.traceparent, made.trace.state) == (PARENT, "a=b")
    assert made.version == "hello-00007-abc"
    assert (made.native.service, made.native.revision) == ("hello", "hello-00007-abc")
    assert made.native.headers["traceparent"] == PARENT
    assert (made.native.job, made.native.task_index) == (None, None)


@pytest.mark.parametrize(
    ("header", "span", "sampled"),
    [
        (f"{TRACE}/67667974448284343;o=1", "00f067aa0ba902b7", True),
        (f"{TRACE}/67667974448284343;o=0", "00f067aa0ba902b7", False),
        (f"{TRACE}/67667974448284343", "00f067aa0ba902b7", False),
        (f"{TRACE.upper()}/1;o=1", "0000000000000001", True),
        (f"{TRACE}/18446744073709551615;o=3", "ffffffffffffffff", True),
        (f"{TRACE};o=1", None, True),
        (TRACE, None, False),
        (f"{TRACE}/0;o=1", None, True),
        (f"{TRACE}/18446744073709551616", None, False),
        (f"{TRACE}/00f067aa0ba902b7;o=x", None, False),
    ],
)
def test_googles_own_header(environ, header, span, sampled):
    found = maker("f", {})(request(x_cloud_trace_context=header)).trace
    assert (found.trace_id, found.span_id, found.sampled) == (TRACE, span, sampled)


@pytest.mark.parametrize(
    "header", ["", "x", "0" * 32, TRACE[:-1], TRACE + "0", f"g{TRACE[1:]}/1;o=1", "/1;o=1"]
)
def test_what_is_no_trace(header):
    assert parse_cloud_trace(header) is None


@given(st.text())
def test_any_header_is_read_or_not(header):
    found = parse_cloud_trace(header)
    assert found is None or len(found.trace_id) == 32


@given(st.integers(1, 2**64 - 1), st.booleans())
def test_the_span_is_decimal(span, sampled):
    found = parse_cloud_trace(f"{TRACE}/{span};o={int(sampled)}")
    assert (int(found.span_id, 16), len(found.span_id), found.sampled) == (span, 16, sampled)


def test_w3c_comes_first_if_it_is_valid():
    own = f"{'1' * 32}/1;o=1"
    assert trace_of(request(traceparent=PARENT, x_cloud_trace_context=own)).trace_id == TRACE
    assert trace_of(request(traceparent="00-bad", x_cloud_trace_context=own)).trace_id == "1" * 32


@pytest.mark.parametrize(
    ("told", "settings", "seconds"),
    [
        (None, {}, 300), (None, {"timeout": 60}, 60), ("120", {"timeout": 60}, 120), ("0.5", {}, 0.5),
        ("", {"timeout": 60}, 60), ("soon", {"timeout": 60}, 60), ("-1", {}, 300), ("inf", {}, 300),
        ("nan", {}, 300),
    ],
)  # fmt: skip
def test_the_deadline(environ, told, settings, seconds):
    if told is not None:
        environ(CLOUD_RUN_TIMEOUT_SECONDS=told)
    assert timeout_of(settings) == seconds
    before = time.time()
    assert before + seconds <= maker("f", settings)(request()).deadline <= time.time() + seconds


class Metadata(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        Metadata.asked += 1
        good = self.headers["Metadata-Flavor"] == "Google" and self.path.endswith("/instance/region")
        self.send_response(200 if good else 403)
        self.send_header("Metadata-Flavor", "Google")
        self.end_headers()
        self.wfile.write(b"projects/123456789012/regions/europe-west1")

    def log_message(self, *_):
        """Say nothing."""


def test_the_region_is_asked_for_once_and_only_if_wanted(environ, monkeypatch):
    monkeypatch.setattr(contexts, "_region", None)
    with http.server.HTTPServer(("127.0.0.1", 0), Metadata) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environ(GCE_METADATA_HOST=f"127.0.0.1:{server.server_port}")
        make = maker("f", {})
        contexts_made = [make(request()) for _ in range(3)]
        assert Metadata.asked == 0
        assert {made.region for made in contexts_made} == {"europe-west1"}
        assert Metadata.asked == 1
        server.shutdown()


def test_no_region_where_nobody_tells(environ, monkeypatch):
    monkeypatch.setattr(contexts, "_region", None)
    environ(GCE_METADATA_HOST="127.0.0.1:1")
    assert maker("f", {})(request()).region is None
