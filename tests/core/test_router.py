"""Routing: which function takes a request."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Call, Http, Queue
from polyfn.errors import DeclarationError
from polyfn.functions import Declaration
from polyfn.http import Request
from polyfn.invoke import Invoker
from polyfn.runtime import routes
from polyfn.runtime.replies import Reply
from polyfn.runtime.router import Router


def router(*triggers: Any) -> Router:
    return Router(
        Invoker(Declaration(name, trigger, lambda: None))
        for name, trigger in (_named(one) for one in triggers)
    )


def _named(one: Any) -> tuple[str, Any]:
    return one if isinstance(one, tuple) else (f"{one.method}_{one.route}", one)


def ask(routes: Router, method: str, path: str) -> Any:
    request: Request = Request(method=method, raw_path=path)
    found = routes.resolve(request)
    if isinstance(found, Reply):
        return found.status, found.headers.get("allow")
    return found.declaration.name, request.params


def test_the_most_specific_route_comes_first_whatever_the_order() -> None:
    triggers = [
        Http("GET", "/a/{x...}"), Http("GET", "/a/{x}"), Http("GET", "/a/b"), Http("GET", "/a/{x}/c"),
        Http("GET"), Http("GET", "/{x}/b"),
    ]  # fmt: skip
    for order in itertools.permutations(triggers):
        made = router(*order)
        assert ask(made, "GET", "/a/b") == ("GET_/a/b", {})
        assert ask(made, "GET", "/a/%62") == ("GET_/a/b", {})
        assert ask(made, "GET", "/a/z") == ("GET_/a/{x}", {"x": "z"})
        assert ask(made, "GET", "/a/z/c") == ("GET_/a/{x}/c", {"x": "z"})
        assert ask(made, "GET", "/a/z/d") == ("GET_/a/{x...}", {"x": "z/d"})
        assert ask(made, "GET", "/q/b") == ("GET_/{x}/b", {"x": "q"})
        assert ask(made, "GET", "/q") == ("GET_None", {})


def test_a_less_specific_route_is_asked_for_a_method_that_the_first_does_not_take() -> None:
    made = router(Http("GET", "/a/b"), Http("PUT", "/a/{x}"), Http(None, "/any"))
    assert ask(made, "PUT", "/a/b") == ("PUT_/a/{x}", {"x": "b"})
    assert ask(made, "DELETE", "/a/b") == (405, "GET, HEAD, PUT")
    assert ask(made, "OPTIONS", "/a/b") == (204, "GET, HEAD, OPTIONS, PUT")
    assert ask(made, "OPTIONS", "/any")[0] == "None_/any"
    assert ask(made, "HEAD", "/a/b")[0] == "GET_/a/b"
    assert ask(made, "GET", "/a") == (404, None)
    assert ask(made, "OPTIONS", "/a") == (404, None)


def test_call_functions_have_their_names_and_the_only_one_the_root() -> None:
    one = router(("hello", Call()), Http("GET", "/x"), ("q", Queue("q")))
    assert ask(one, "POST", "/hello") == ("hello", {})
    assert ask(one, "POST", "/") == ("hello", {})
    assert ask(one, "POST", "/q") == (404, None)
    two = router(("hello", Call()), ("bye", Call()))
    assert ask(two, "POST", "/") == (404, None)
    assert ask(two, "POST", "/bye") == ("bye", {})
    taken = router(("hello", Call()), Http("GET", "/"), Http("GET", "/hello"))
    assert ask(taken, "GET", "/") == ("GET_/", {})
    assert ask(taken, "POST", "/") == ("hello", {})
    assert ask(taken, "GET", "/hello") == ("GET_/hello", {})


@pytest.mark.parametrize(("one", "other"), [
    (Http("GET", "/a"), Http("GET", "/a")), (Http("GET", "/{a}"), Http("GET", "/{b}")), (Http(), Http()),
    (Http("GET", "/{a...}"), Http("GET", "/{b...}")),
])  # fmt: skip
def test_two_functions_for_the_same_requests_are_refused(one: Http, other: Http) -> None:
    with pytest.raises(DeclarationError, match="both take") as caught:
        router(("one", one), ("other", other))
    assert caught.value.hint


SEGMENTS = st.sampled_from(["a", "b", "{x}", "{y}", "", "a%62"])
ROUTES = st.lists(SEGMENTS, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))


@given(
    st.lists(ROUTES, max_size=5, unique=True),
    st.lists(st.sampled_from(["a", "b", "c", "", "%61"]), max_size=3),
)
def test_what_is_found_matches_and_nothing_that_matches_is_missed(paths: list[str], asked: list[str]) -> None:
    paths = [path for path in paths if not (path.count("{x}") > 1 or path.count("{y}") > 1)]
    try:
        made = router(*((f"f{number}", Http("GET", path)) for number, path in enumerate(paths)))
    except DeclarationError:
        return
    path = "/" + "/".join(asked)
    name, params = ask(made, "GET", path)
    fits = {f"f{number}": routes.match(route, path) for number, route in enumerate(paths)}
    matching = {name: found for name, found in fits.items() if found is not None}
    if not matching:
        assert name == 404
    else:
        assert matching[name] == params
