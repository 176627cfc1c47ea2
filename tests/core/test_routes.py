"""Routes: what matches, and what the parameters are."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Http
from polyfn.runtime.routes import match


@pytest.mark.parametrize(
    ("route", "path", "params"),
    [
        (None, "/anything/at%20all", {}),
        ("/", "/", {}),
        ("/", "", None),
        ("/orders", "/orders", {}),
        ("/orders", "/orders/", None),
        ("/orders/", "/orders", None),
        ("/orders", "/Orders", None),
        ("/orders", "/orders/7", None),
        ("/orders/{id}", "/orders/7", {"id": "7"}),
        ("/orders/{id}", "/orders/", None),
        ("/orders/{id}", "/orders", None),
        ("/orders/{id}", "/orders/7/items", None),
        ("/orders/{id}", "/orders/a%2Fb", {"id": "a/b"}),
        ("/orders/{id}", "/orders/%7Bid%7D", {"id": "{id}"}),
        ("/orders/{id}", "/orders/{id}", {"id": "{id}"}),
        ("/orders/{id}/items/{item}", "/orders/1/items/2", {"id": "1", "item": "2"}),
        ("/files/{path...}", "/files/a/b%20c/", {"path": "a/b c/"}),
        ("/files/{path...}", "/files/", {"path": ""}),
        ("/files/{path...}", "/files", None),
        ("/{all...}", "/", {"all": ""}),
        ("/café", "/caf%C3%A9", {}),
        ("/caf%C3%A9", "/caf%C3%A9", {}),
        ("/a/b", "/a%2Fb", None),
        ("/a+b", "/a+b", {}),
        ("/{a}", "/x+y", {"a": "x+y"}),
        ("/{a}", "//", None),
        ("/{a}/{b}", "//x", None),
    ],
)
def test_what_matches(route: str | None, path: str, params: dict[str, str] | None) -> None:
    assert match(route, path) == params


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,4}", fullmatch=True)
LITERALS = st.text(
    st.characters(blacklist_characters="{}/?#%", blacklist_categories=["Cs"]), min_size=1, max_size=5
)
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8)


@given(st.data())
def test_a_path_built_of_parameters_gives_them_back(data: st.DataObject) -> None:
    names = data.draw(st.lists(NAMES, unique=True, max_size=4))
    params = {name: data.draw(TEXTS) for name in names}
    route, path = "", ""
    for name in names:
        literal = data.draw(LITERALS)
        route += f"/{literal}/{{{name}}}"
        path += f"/{quote(literal, safe='')}/{quote(params[name], safe='')}"
    if data.draw(st.booleans()):
        rest = data.draw(st.lists(TEXTS, max_size=3))
        route += "/{rest_...}"
        path += "/" + "/".join(quote(part, safe="") for part in rest)
        params["rest_"] = "/".join(rest)
    route, path = route or "/", path or "/"
    assert Http("GET", route).route == route
    assert match(route, path) == params
    assert match(None, path) == {}
    assert match("/more" + route, path) is None


@given(st.text(), st.text())
def test_any_path_may_be_asked_for(route: str, path: str) -> None:
    found = match("/" + route, "/" + path)
    assert found is None or isinstance(found, dict)
