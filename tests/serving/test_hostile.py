"""Clients that send what no client should: the server answers with a 4xx or hangs up, and goes on."""

import re
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.conftest import Served, drained

CODE = """
from polyfn.runtime import body, protocol
body.BODY_PAUSE = 0.5
body.BODY_TIME = 2
protocol.HEAD_TIME = 1

@function(Http("POST", "/echo"))
async def echo(request: Request):
    return Response(request.body)

@function(Http("GET", "/{path...}"))
async def everything(request: Request):
    # Everything a handler may ask of a request, so that none of it fails on what a client sent.
    [request.path, request.query.items(), request.cookies, request.headers.items(), request.params]
    return "ok"
"""


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
def served(request, tmp_path_factory):
    yield from serving(tmp_path_factory.mktemp("served"), request.param)


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    """uvicorn, on which the runtime puts bounds; granian has its own."""
    yield from serving(tmp_path_factory.mktemp("served"), "uvicorn")


def serving(folder, server):
    running = Served(folder, CODE, {"server": server}, 300).ready()
    yield running
    # Whatever was sent, it is alive and ends as it should.
    assert running.raw(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").endswith(b"ok")
    assert running.stop() == 0
    assert "Traceback" not in running.log
    assert running.log == ""


def sent(served, data: bytes) -> bytes:
    """Send and say that no more will follow; return what came back."""
    with served.connect(10) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # hung up on already
        return drained(sock)


def status(raw: bytes) -> int | None:
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", raw)
    return int(found[1]) if found else None


@pytest.mark.parametrize("data", [
    b"\r\n\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nx: a\x00b\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nzz\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100, b"\xff" * 100,
])  # fmt: skip
def test_what_is_no_request_is_a_4xx_or_hung_up_on(served, data) -> None:
    told = sent(served, data)
    assert status(told) is None or 400 <= status(told) < 500, told
    assert b"Traceback" not in told


def test_targets_that_handlers_must_survive(served) -> None:
    for target in (
        b"/%", b"/%zz", b"/%ff%fe", b"/a?%", b"/a?%ff=%fe&&&=", b"//", b"/a/../b", b"/;x", b"/a%00b",
        b"http://other/path", b"/?" + b"a" * 5000, b"/" + b"b/" * 2000,
    ):  # fmt: skip
        told = served.raw(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert status(told) in (200, 400), target
    cookie = b"GET / HTTP/1.1\r\nHost: h\r\nCookie: =;;a;b=\xff;\xe4=1\r\nConnection: close\r\n\r\n"
    assert status(served.raw(cookie)) == 200


def test_upgrades_are_not_taken(served) -> None:
    for name in (b"websocket", b"h2c", b"nonsense"):
        told = served.raw(
            b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: " + name + b"\r\nConnection: Upgrade, close\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert status(told) in (200, 400, 403, 426), told


def test_heads_are_bounded(bounded) -> None:
    fits = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nx: " + b"a" * 60_000 + b"\r\n\r\n"
    assert status(bounded.raw(fits)) == 200
    for head in (
        b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"x%d: %s\r\n" % (n, b"a" * 100) for n in range(700)) + b"\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"a" * 400_000,
    ):
        with bounded.connect(10) as sock:
            try:
                sock.sendall(head)
            except (ConnectionResetError, BrokenPipeError):
                pass
            assert status(drained(sock)) in (431, None)


def test_a_large_body_behind_a_small_head_is_no_large_head(bounded) -> None:
    body = b"b" * 200_000
    head = b"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n"
    assert bounded.raw(head + body).endswith(body)


def test_slow_heads_and_silent_connections_are_hung_up_on(bounded) -> None:
    for begun in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: h\r\n"):
        started = time.monotonic()
        told = bounded.raw(begun)
        assert 0.8 < time.monotonic() - started < 5
        assert status(told) == (408 if begun else None)
    # On a kept connection as well.
    with bounded.connect(10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HT")
        told = drained(sock)
    assert told.endswith(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


def test_slow_bodies_are_408(served) -> None:
    for head in (b"Content-Length: 100\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"):
        told = served.raw(b"POST /echo HTTP/1.1\r\nHost: h\r\n" + head)
        assert status(told) == 408
        assert b"did not arrive in time" in told
    # Never quite pausing does not help.
    with served.connect(10) as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n")
        begun = time.monotonic()
        sock.settimeout(0.2)
        told = b""
        while not told and time.monotonic() - begun < 8:
            sock.sendall(b"a")
            try:
                told = sock.recv(1000)
            except TimeoutError:
                pass
        assert status(told) == 408


def test_a_client_that_leaves_within_its_body_is_forgotten(served) -> None:
    with served.connect() as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")


def test_expect_continue(served) -> None:
    with served.connect(10) as sock:
        sock.sendall(
            b"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n"
            b"Content-Length: 3\r\n\r\n"
        )
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"abc")
        assert drained(sock).endswith(b"abc")


TOKENS = st.sampled_from([
    b"GET", b"POST", b"HEAD", b"BREW", b" ", b"/", b"/echo", b"*", b"%", b"?", b"HTTP/1.1", b"HTTP/1.0",
    b"HTTP/2.0", b"\r\n", b"\n", b"\r", b"Host: h", b"Content-Length: 3", b"abc",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked", b"3\r\nabc\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n",
    b"Connection: close", b"Connection: Upgrade", b"Upgrade: websocket", b"Expect: 100-continue",
    b":", b"\0", b"\xff", b"x: y",
])  # fmt: skip
WELL_BEGUN = st.sampled_from([
    b"", b"GET / HTTP/1.1\r\nHost: h\r\n",
    b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n",
])  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(WELL_BEGUN, st.lists(st.one_of(TOKENS, st.binary(max_size=20)), max_size=12))
def test_no_bytes_at_all_make_it_fail(served, begun, tokens) -> None:
    told = sent(served, begun + b"".join(tokens))
    for found in re.findall(rb"(?m)^HTTP/1\.[01] (\d{3}) ", told):
        assert int(found) < 500, told
    assert b"Traceback" not in told
    assert b"Error(" not in told
