"""Headers, requests and responses."""

import http.cookies
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Headers, HTTPError, Request, Response
from polyfn.errors import PayloadError


def request(**facts: Any) -> Request[Any]:
    return Request(**{"method": "get", "raw_path": "/", **facts})


def test_headers_keep_order_case_and_repetition() -> None:
    headers = Headers([("Set-Cookie", "a=1"), ("X-A", "1"), ("set-cookie", "b=2")])
    assert headers.items() == list(headers) == [("Set-Cookie", "a=1"), ("X-A", "1"), ("set-cookie", "b=2")]
    assert headers.all("SET-COOKIE") == ["a=1", "b=2"]
    assert headers["x-a"] == headers.get("X-a") == "1"
    assert headers.get("nothing") is None
    assert headers.get("nothing", "else") == "else"
    assert ("X-A" in headers, "x-b" in headers, 3 in headers, len(headers)) == (True, False, False, 3)
    with pytest.raises(KeyError):
        headers["nothing"]


def test_headers_can_be_set_and_removed() -> None:
    headers = Headers({"A": 1, "a": 2, "B": "3"})
    headers.set("a", "4")
    assert headers.items() == [("B", "3"), ("a", "4")]
    headers.remove("b")
    headers.remove("never there")
    assert headers == Headers({"A": "4"})
    assert headers != Headers({"A": "5"})
    assert headers != [("a", "4")]


def test_headers_can_be_made_of_headers_and_are_a_copy() -> None:
    first = Headers({"a": "1"})
    second = Headers(first)
    second.add("b", "2")
    assert len(first) == 1


def test_case_11_values_become_strings() -> None:
    assert [value for _, value in Headers({"a": 1, "b": 1.5, "c": True, "d": b"\xe9"})] == [
        "1",
        "1.5",
        "True",
        "é",
    ]


def test_case_12_a_non_ascii_value_is_kept() -> None:
    assert Headers({"x": "naïve ☃"})["x"] == "naïve ☃"


@given(st.text(), st.text(), st.sampled_from(["\r", "\n", "\0", "\r\nset-cookie: a=1"]), st.booleans())
def test_no_header_can_forge_another(before: str, after: str, mark: str, in_name: bool) -> None:
    text = before + mark + after
    pair = (text, "v") if in_name else ("n", text)
    for attempt in (
        lambda: Headers([pair]),
        lambda: Response(headers=[pair]),
        lambda: HTTPError(400, headers=[pair]),
    ):
        with pytest.raises(ValueError, match="would forge another"):
            attempt()
    with pytest.raises(ValueError, match="would forge another"):
        Headers().set(*pair)


@pytest.mark.parametrize("name", ["", "bad name", "a:b", "naïve"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name"):
        Headers({name: "v"})


def test_a_repr_shows_no_values() -> None:
    secret = "s3cret"
    asked = request(
        headers=Headers({"authorization": secret}), raw_query=f"token={secret}", body=secret.encode()
    )
    reprs = [repr(asked), repr(asked.headers), repr(asked.query), repr(Response(secret))]
    assert secret not in " ".join(reprs)
    assert "authorization" in reprs[1]


def test_a_request_tells_what_was_sent() -> None:
    asked = request(raw_path="/a%2Fb/%C3%A9", raw_query="q=1")
    assert (asked.method, asked.raw_path, asked.path) == ("GET", "/a%2Fb/%C3%A9", "/a/b/é")
    assert (asked.client, asked.scheme, asked.host, asked.base_path, asked.params) == (
        None,
        None,
        None,
        "",
        {},
    )
    assert (asked.body, asked.text, asked.content_type) == (b"", "", None)


def test_case_8_a_missing_content_type_is_none_and_the_body_still_json() -> None:
    asked = request(body=b'{"a":1}')
    assert asked.content_type is None
    assert asked.json() == asked.payload == asked.data == {"a": 1}
    assert request(headers=Headers({"Content-Type": "text/plain"})).content_type == "text/plain"


def test_case_7_an_empty_body_is_no_json() -> None:
    with pytest.raises(PayloadError, match="has no body") as caught:
        request().json()
    assert caught.value.details == []
    assert request().payload is None


def test_a_body_that_is_no_text_is_a_payload_error() -> None:
    with pytest.raises(PayloadError, match="not UTF-8"):
        request(body=b"\xff").text  # noqa: B018


PAIRS = st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=5)


@given(PAIRS)
def test_the_query_is_decoded_as_the_standard_library_decodes_it(pairs: list[tuple[str, str]]) -> None:
    raw = urlencode(pairs, errors="surrogatepass")
    query = request(raw_query=raw).query
    expected = parse_qsl(raw, keep_blank_values=True)
    assert query.items() == list(query) == expected
    assert len(query) == len(pairs)
    for name, _ in expected:
        assert name in query
        assert query[name] == query.get(name) == next(value for key, value in expected if key == name)
        assert query.all(name) == [value for key, value in expected if key == name]


def test_case_6_a_parameter_without_value_is_there() -> None:
    query = request(raw_query="foo&bar=&baz=1&baz=2").query
    assert query.items() == [("foo", ""), ("bar", ""), ("baz", "1"), ("baz", "2")]
    assert query.get("nothing") is None
    assert query.get("nothing", "x") == "x"
    with pytest.raises(KeyError):
        query["nothing"]


def test_cookies_are_those_of_every_line_and_the_first_wins() -> None:
    headers = Headers([("Cookie", 'a=1; b="2" ;c; d=x=y'), ("cookie", "a=3;e=")])
    assert request(headers=headers).cookies == {"a": "1", "b": "2", "d": "x=y", "e": ""}


@given(st.text())
def test_any_path_can_be_asked_for(text: str) -> None:
    raw = "/" + quote(text, safe="", errors="surrogatepass")
    if text.isprintable():
        assert request(raw_path=raw).path == "/" + text


# Responses.


@pytest.mark.parametrize("status", [99, 600, 0, -1, True, "200", None, 200.0])
def test_a_status_must_be_one(status: Any) -> None:
    with pytest.raises(ValueError, match="from 100 to 599"):
        Response(status=status)


@pytest.mark.parametrize("status", [399, 600, 200, "404"])
def test_an_error_status_must_be_one(status: Any) -> None:
    with pytest.raises(ValueError, match="from 400 to 599"):
        HTTPError(status)


def test_the_content_type_can_be_given() -> None:
    response = Response("x", headers={"Content-Type": "a/b", "x-a": 1}, content_type="c/d")
    assert response.headers.items() == [("x-a", "1"), ("content-type", "c/d")]


def test_a_cookie_is_written_with_its_attributes() -> None:
    response = Response()
    response.set_cookie(
        "s", "1", path="/", max_age=60, http_only=True, secure=False, same_site="Lax", domain=None
    )
    response.set_cookie("t")
    assert response.headers.all("set-cookie") == ["s=1; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", "t="]


TOKEN = st.text("abcXYZ019-_.", min_size=1)


@given(TOKEN, st.text("abc019-_./%"), st.integers(0, 9999))
def test_a_cookie_is_read_as_the_standard_library_reads_it(name: str, value: str, age: int) -> None:
    response = Response()
    response.set_cookie(name, value, max_age=age, samesite="Strict", secure=True)
    jar = http.cookies.SimpleCookie(response.headers["set-cookie"])
    morsel = jar[name]
    assert (morsel.value, morsel["max-age"], morsel["samesite"], morsel["secure"]) == (
        value,
        str(age),
        "Strict",
        True,
    )
    assert request(headers=Headers({"cookie": f"{name}={value}"})).cookies == {name: value}


@pytest.mark.parametrize(
    ("name", "value", "attributes"),
    [
        ("", "1", {}), ("a=b", "1", {}), ("a;b", "1", {}), ("a b", "1", {}), ("a", "1; Path=/", {}),
        ("a", "1\r\nset-cookie: b=2", {}), ("a", "1", {"path": "/; Secure"}),
        ("a", "1", {"path; Secure": "/"}),
        ("a\0", "1", {}),
    ],
)  # fmt: skip
def test_a_cookie_cannot_carry_more_than_itself(name: str, value: str, attributes: dict[str, Any]) -> None:
    response = Response()
    with pytest.raises(ValueError, match="cookie"):
        response.set_cookie(name, value, **attributes)
    assert len(response.headers) == 0
