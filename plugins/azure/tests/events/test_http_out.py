"""A Reply into the http output of an envelope, and what that cannot say."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.errors import ResultError
from polyfn.http import Headers
from polyfn.runtime import logs
from polyfn.runtime.replies import Reply
from polyfn_azure.runtime.http_out import encode, read


def encoded(body=b"", status=200, **headers):
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return encode(Reply(status, named), body, request_id="5c1a")


def test_the_four_fields():
    assert encoded(b"hi", 201, content_type="text/plain", location="/orders/7") == {
        "statusCode": "201",
        "headers": {"content-type": "text/plain", "location": "/orders/7"},
        "body": "hi",
    }


def test_a_redirect_is_a_status_inside():
    assert encoded(status=302, location="/b")["statusCode"] == "302"


def test_what_describes_the_connection_stays_out():
    told = encoded(b"hi", Content_Length="2", connection="close", transfer_encoding="chunked", vary="a")
    assert told["headers"] == {"vary": "a"}


def test_several_values_are_joined_and_cookies_cannot_be(monkeypatch):
    lines = []
    monkeypatch.setattr(logs, "sink", lambda *line: lines.append(line))
    headers = Headers([("Vary", "a"), ("Set-Cookie", "a=1"), ("vary", "b"), ("set-cookie", "b=2")])
    told = encode(Reply(200, headers), b"", request_id="5c1a")
    assert told["headers"] == {"vary": "a, b", "set-cookie": "a=1"}
    [(level, message, _, fields)] = lines
    assert (level, fields["request_id"]) == ("ERROR", "5c1a")
    assert "one Set-Cookie per reply" in message
    assert 'transport = "proxy"' in message
    assert "b=2" not in message


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\x89PNG\xff", "image/png"),
        (b"\x1f\x8b\x08", "text/plain"),
        ("é".encode(), "text/plain; charset=latin-1"),
        ("é".encode("latin-1"), "text/plain; charset=latin-1"),
    ],
)
def test_a_binary_body_cannot_be_carried(body, kind):
    with pytest.raises(ResultError, match="the reply's body is binary") as error:
        encoded(body, content_type=kind)
    assert 'transport = "proxy"' in error.value.hint


def test_ascii_is_the_same_in_any_charset():
    assert encoded(b"hi", content_type="text/plain; charset=latin-1")["body"] == "hi"


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_text_is_carried_to_the_letter(text):
    for kind in ("text/plain", 'text/html; charset="UTF-8"', "application/json"):
        assert encoded(text.encode(), content_type=kind)["body"].encode() == text.encode()


def test_a_stream_is_read_to_its_end_and_closed():
    closed = []

    async def pieces():
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    assert asyncio.run(read(Reply(200, Headers(), stream=pieces()))) == b"ab"
    assert closed == [True]
