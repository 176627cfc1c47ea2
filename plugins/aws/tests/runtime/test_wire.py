"""The HTTP client: every way of cutting a reply into pieces gives the same reply."""

import contextlib
import itertools
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn_aws.runtime.wire import Connection, LostError, chunk_size, parse_head, read_chunked

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789-", min_size=1, max_size=20)
VALUE = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), max_size=30)
CHUNKS = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


def pieces_of(data, cuts):
    """Cut data at these places, as a network would."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def feed(pieces):
    rest = list(pieces)

    def receive():
        if not rest:
            raise LostError("no more")
        return rest.pop(0)

    return receive


@given(st.dictionaries(TOKEN, VALUE, max_size=8), st.integers(100, 599))
def test_heads_round_trip(headers, status):
    lines = [f"HTTP/1.1 {status} Any Reason", *(f"{name}: {value} " for name, value in headers.items())]
    parsed_status, parsed = parse_head("\r\n".join(lines).encode())
    assert parsed_status == status
    expected = {name.lower(): value.strip(" \t") for name, value in headers.items()}
    assert {name: value for name, value in parsed.items() if name in expected} == expected


@given(st.binary(max_size=60))
def test_a_head_is_read_or_refused(data):
    with contextlib.suppress(LostError):
        status, headers = parse_head(data)
        assert 0 <= status <= 999
        assert all(name == name.lower() for name in headers)


@given(st.binary(max_size=20))
def test_bytes_that_are_no_utf8_survive_the_echo(raw):
    value = raw.replace(b"\r", b"").replace(b"\n", b"").strip(b" \t")
    _, headers = parse_head(b"HTTP/1.1 200 OK\r\nx: " + value)
    assert headers["x"].encode("utf-8", "surrogateescape") == value


@given(CHUNKS, st.binary(max_size=20), st.lists(st.integers(0, 5000), max_size=12), st.booleans())
def test_chunked_bodies_round_trip(chunks, behind, cuts, upper):
    form = b"%X" if upper else b"%x"
    wire = b"".join(form % len(chunk) + b";a=b\r\n" + chunk + b"\r\n" for chunk in chunks)
    wire += b"0\r\nTrailer: x\r\n\r\n" + behind
    first, *others = pieces_of(wire, cuts)
    body, rest = read_chunked(first, feed(others))
    assert body == b"".join(chunks)
    assert behind.startswith(rest), "what follows is kept"


@given(st.binary(max_size=200))
def test_a_chunked_body_is_read_or_refused(data):
    with contextlib.suppress(LostError):
        body, rest = read_chunked(data, feed([]))
        assert len(body) + len(rest) < len(data)


@pytest.mark.parametrize("line", [b"", b"-1", b"+1", b"0x1", b"1_0", b"g", b" ", b";x"])
def test_sizes_that_are_none(line):
    with pytest.raises(LostError):
        chunk_size(line)


def test_a_chunk_longer_than_its_size():
    with pytest.raises(LostError, match="longer"):
        read_chunked(b"2\r\nabc\r\n0\r\n\r\n", feed([]))


@given(
    bodies=st.lists(st.binary(max_size=400), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 5000), max_size=8),
    chunked=st.booleans(),
)
def test_replies_over_a_real_socket(bodies, cuts, chunked):
    wire = b""
    for body in bodies:
        if chunked:
            framed = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            wire += b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + framed + b"0\r\n\r\n"
        else:
            wire += b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Connection(f"127.0.0.1:{server.getsockname()[1]}")
        connection.connect()
        peer, _ = server.accept()
        with peer:
            sender = threading.Thread(target=lambda: [peer.sendall(p) for p in pieces_of(wire, cuts)])
            sender.start()
            got = [connection.reply()[2] for _ in bodies]
            sender.join()
        connection.close()
    assert got == bodies


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/2 200\r\n\r\n",
    ],
)
def test_replies_that_are_cut_off_or_wrong(wire):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Connection(f"127.0.0.1:{server.getsockname()[1]}")
        connection.connect()
        peer, _ = server.accept()
        with peer:
            peer.sendall(wire)
            peer.shutdown(socket.SHUT_WR)
            with pytest.raises(LostError):
                connection.reply()
        connection.close()


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:port", "[::1]:1", ":1"])
def test_addresses_that_lead_nowhere(address):
    with pytest.raises(LostError, match="cannot connect"):
        Connection(address).connect()
