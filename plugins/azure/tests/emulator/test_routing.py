"""Routes: prefix, parameters, constraints, precedence, methods."""

from pathlib import Path

import pytest

from polyfn_azure.emulator.application import Application
from polyfn_azure.emulator.bindings import Binding, Function
from polyfn_azure.emulator.routing import RouteError, Routes, parse


def routes(prefix="api", **table):
    functions = []
    for name, told in table.items():
        route, methods = told if isinstance(told, tuple) else (told, None)
        keys = {"route": route, **({"methods": methods} if methods else {})}
        functions.append(Function(name, (Binding("req", "httptrigger", "in", None, keys),)))
    return Routes(Application(Path(), {"extensions": {"http": {"routePrefix": prefix}}}, tuple(functions)))


def find(table, path, method="GET"):
    found = table.find(method, path)
    return found and (found[0].name, found[1])


def test_the_name_is_the_route():
    table = routes(hello=None)
    assert find(table, "/api/hello") == ("hello", {})
    assert find(table, "/API/Hello/") == ("hello", {})
    assert find(table, "/hello") is None
    assert find(table, "/api/hello/x") is None
    assert find(routes("", hello=""), "/hello") == ("hello", {})
    assert find(routes("v1/x", hello=""), "/v1/x/hello") == ("hello", {})


def test_methods():
    table = routes("", read=("orders/{id}", ["get"]), write=("orders/{id}", ["POST", "put"]))
    assert find(table, "/orders/1") == ("read", {"id": "1"})
    assert find(table, "/orders/1", "PUT") == ("write", {"id": "1"})
    assert find(table, "/orders/1", "DELETE") is None


def test_the_more_literal_wins():
    table = routes("", rest="{*path}", free="orders/{id}", number="orders/{id:int}", new="orders/new")
    assert find(table, "/orders/new") == ("new", {})
    assert find(table, "/orders/7") == ("number", {"id": "7"})
    assert find(table, "/orders/x") == ("free", {"id": "x"})
    assert find(table, "/orders/x/y") == ("rest", {"path": "orders/x/y"})
    assert find(table, "/") == ("rest", {})


def test_parameters_are_decoded_after_they_are_parted():
    table = routes("", one="files/{name}")
    assert find(table, "/files/a%2Fb%20c") == ("one", {"name": "a/b c"})


@pytest.mark.parametrize(("route", "path", "params"), [
    ("a/{b?}", "/a", {}), ("a/{b?}", "/a/x", {"b": "x"}), ("a/{b=d}", "/a", {"b": "d"}),
    ("a/{b:int=5}", "/a", {"b": "5"}), ("a/{b:int?}", "/a", {}), ("a/{b:int?}", "/a/x", None),
    ("a/{b:guid}", "/a/c9166b7e-0f5e-4a3e-9c1c-0d8a3e1d0f11", {"b": "c9166b7e-0f5e-4a3e-9c1c-0d8a3e1d0f11"}),
    ("a/{b:guid}", "/a/x", None), ("a/{b:bool}", "/a/TRUE", {"b": "TRUE"}),
    ("a/{b:length(2,3)}", "/a/xy", {"b": "xy"}), ("a/{b:length(2)}", "/a/xyz", None),
    ("a/{b:minlength(2)}", "/a/x", None), ("a/{b:maxlength(2)}", "/a/xyz", None),
    ("a/{b:range(1,9)}", "/a/10", None), ("a/{b:min(3)}", "/a/3", {"b": "3"}), ("a/{b:max(3)}", "/a/4", None),
    ("a/{b:alpha}", "/a/x1", None), ("a/{b:datetime}", "/a/2024-04-06", {"b": "2024-04-06"}),
    ("a/{b:regex(^\\d{{3}}$)}", "/a/123", {"b": "123"}), ("a/{b:regex(^x/y$)}", "/a/z", None),
    ("a/{b:double}", "/a/1.5", {"b": "1.5"}), ("a/{b}.{c}", "/a/x.png", {"b": "x", "c": "png"}),
    ("v{major:int}/x", "/v2/x", {"major": "2"}), ("a/{*rest}", "/a", {}),
    ("a/{*rest}", "/a/b/c", {"rest": "b/c"}),
    ("a/{**rest}", "/a/b", {"rest": "b"}), ("a/{b:long}", "/a/9223372036854775808", None),
    ("{x:regex(^$)?}", "/", {}), ("a/{b:int:min(3)}", "/a/2", None),
])  # fmt: skip
def test_templates(route, path, params):
    found = find(routes("", f=route), path)
    assert (found and found[1]) == params


@pytest.mark.parametrize(
    "route", ["{a", "a}", "{}", "{a}/{a}", "{*a}/b", "{a:nope}", "{a:int(}", "{a:min(x)}"]
)
def test_what_is_none(route):
    with pytest.raises(RouteError):
        parse(route)
