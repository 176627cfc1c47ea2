"""A request made of a scope is the one that is made by decoding all of it at once."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.events import Event
from polyfn.http import Headers, Request
from polyfn.runtime.incoming import ScopeHeaders, ScopeRequest, has_body

#: Slots and what is computed of them.
ATTRIBUTES = sorted(
    {
        *Request.__slots__,
        *Event.__slots__,
        "path",
        "query",
        "cookies",
        "body",
        "raw",
        "text",
        "payload",
        "data",
    }
)
NAMES = st.sampled_from(
    [b"host", b"content-type", b"cookie", b"content-length", b"x-a", b"accept", b"x-\xe9"]
)
TEXTS = st.lists(st.integers(32, 255), max_size=12).map(bytes)
HEADERS = st.lists(st.tuples(NAMES, TEXTS | st.just(b"a=1; b=2; a=3")), max_size=8)
SCOPES = st.fixed_dictionaries(
    {
        "type": st.just("http"),
        "http_version": st.sampled_from(["1.0", "1.1", "2"]),
        "method": st.sampled_from(["GET", "POST", "get", "PROPFIND"]),
        "path": st.sampled_from(["/", "/a b", "/ü"]),
        "query_string": st.sampled_from([b"", b"a=1&b=%20&a=", b"\xe9=1"]),
        "headers": HEADERS,
    },
    optional={
        "raw_path": st.sampled_from([None, b"", b"/", b"/a%20b", b"/p?q=1", b"/\xe9"]),
        "scheme": st.sampled_from(["http", "https"]),
        "client": st.sampled_from([None, ("10.0.0.1", 5), ("", 0)]),
    },
)


def eager(scope: dict[str, Any]) -> Request[Any]:
    from urllib.parse import quote

    raw = scope.get("raw_path")
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    client = scope.get("client")
    return Request(
        method=scope["method"],
        raw_path=quote(scope["path"]) if raw is None else raw.split(b"?")[0].decode("latin-1") or "/",
        raw_query=scope["query_string"].decode("latin-1"),
        headers=Headers(pairs) if all(name.isascii() for name, _ in pairs) else Headers.checked(pairs),
        client=client[0] if client else None,
        scheme=scope.get("scheme"),
        host=dict(pairs).get("host"),
        native=scope,
    )


def seen(request: Request[Any], name: str) -> Any:
    value = getattr(request, name)
    return value.items() if name == "query" else value


@given(SCOPES, st.permutations(ATTRIBUTES))
def test_it_has_what_the_eager_one_has_in_whatever_order_it_is_asked(
    scope: dict[str, Any], names: list[str]
) -> None:
    lazy, whole = ScopeRequest(scope), eager(scope)
    assert repr(lazy) == repr(whole)
    for name in names * 2:
        assert seen(lazy, name) == seen(whole, name), name
    assert lazy.native is whole.native


@given(SCOPES, st.permutations(ATTRIBUTES))
def test_what_is_set_stays(scope: dict[str, Any], names: list[str]) -> None:
    request = ScopeRequest(scope)
    slots = [name for name in names if name in (*Request.__slots__, *Event.__slots__)]
    for name in slots:
        setattr(request, name, name)
    assert [getattr(request, name) for name in slots] == slots


@given(SCOPES)
def test_a_copy_is_whole(scope: dict[str, Any]) -> None:
    copied, whole = copy.copy(ScopeRequest(scope)), eager(scope)
    assert all(seen(copied, name) == seen(whole, name) for name in ATTRIBUTES)


EDITS = st.lists(
    st.tuples(st.sampled_from(["add", "set", "remove"]), st.sampled_from(["x-a", "X-A", "Host", "new"])),
    max_size=4,
)


@given(HEADERS, EDITS)
def test_headers_are_the_same_before_and_after_edits(pairs: list[tuple[bytes, bytes]], edits: Any) -> None:
    lazy, whole = ScopeHeaders(list(pairs)), eager_headers(pairs)
    for edit, name in [("look", ""), *edits]:
        if edit != "look":
            for one in (lazy, whole):
                getattr(one, edit)(*((name,) if edit == "remove" else (name, "1")))
        for wanted in ("host", "HOST", "Content-Type", "x-a", "none", "x-é", "X-É", ""):
            assert lazy.get(wanted) == whole.get(wanted)
            assert lazy.get(wanted, 5) == whole.get(wanted, 5)
            assert (wanted in lazy) == (wanted in whole)
    # Whichever way they are first looked at as a whole.
    for look in (
        repr,
        len,
        list,
        Headers.items,
        lambda one: one.all("X-A"),
        lambda one: Headers(one).items(),
    ):
        assert look(ScopeHeaders(list(pairs))) == look(eager_headers(pairs))
        assert look(lazy) == look(whole)
    assert lazy == whole
    assert whole == lazy


def eager_headers(pairs: list[tuple[bytes, bytes]]) -> Headers:
    return Headers.checked([(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs])


def test_edits_leave_the_scope_alone() -> None:
    scope: dict[str, Any] = {"method": "GET", "raw_path": b"/", "headers": [(b"a", b"1")]}
    request = ScopeRequest(scope)
    request.headers.set("content-type", "text/plain")
    assert scope["headers"] == [(b"a", b"1")]
    assert request.content_type is None


@pytest.mark.parametrize(
    "made", [ScopeHeaders([]), ScopeRequest({"method": "GET", "path": "/", "headers": []})]
)
def test_what_neither_has_is_an_attribute_error(made: Any) -> None:
    with pytest.raises(
        AttributeError, match=f"'{type(made).__mro__[1].__name__}' object has no attribute 'no'"
    ):
        _ = made.no


@given(SCOPES)
def test_whether_there_is_a_body_is_told_by_the_framing(scope: dict[str, Any]) -> None:
    framed = "content-length" in eager(scope).headers
    assert has_body(scope) == (framed or scope["http_version"] == "2")


def test_chunks_are_a_body() -> None:
    assert has_body({"http_version": "1.1", "headers": [(b"transfer-encoding", b"chunked")]})
