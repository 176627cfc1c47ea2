"""HTTP in the envelope into a Request: what the host keeps of it comes as the client sent it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn_azure.runtime.envelope import EnvelopeError, Invocation
from polyfn_azure.runtime.http_in import request_of
from polyfn_azure.runtime.transport import stripper


def told(**over):
    return {
        "Url": "https://shop.example/api/orders/7?a=1&a=2",
        "Method": "POST",
        "Query": {"a": "1,2"},
        "Headers": {"Host": ["shop.example"], "Content-Type": ["application/json"], "X-Many": ["1", "2"]},
        "Params": {"id": "7"},
        "Identities": [{"AuthenticationType": None, "IsAuthenticated": False}],
        "Body": '{"a":1}',
    } | over


def request(prefix="api", name="req", **over):
    made = {key: value for key, value in told(**over).items() if value is not ...}
    return request_of(Invocation("f", {name: made}, {"sys": {}}, id="5c1a"), stripper(prefix))


def test_all_of_it():
    found = request()
    assert (found.method, found.raw_path, found.base_path) == ("POST", "/orders/7", "/api")
    assert (found.scheme, found.host, found.client, found.id) == ("https", "shop.example", None, "5c1a")
    assert found.headers.all("x-many") == ["1", "2"]
    assert found.content_type == "application/json"
    assert (found.body, found.json()) == (b'{"a":1}', {"a": 1})
    assert found.native["Data"]["req"]["Params"] == {"id": "7"}


def test_the_query_is_that_of_the_url():
    assert request().query.all("a") == ["1", "2"]
    assert request(Url="http://h/x").query.items() == [("a", "1,2")]
    assert request(Url="http://h/x", Query={"a b": "c&d=é"}).query.items() == [("a b", "c&d=é")]
    assert request(Url="http://h/x", Query=...).query.items() == []


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "Multipart/Form-Data; boundary=x", "multipart/mixed"]
)
def test_binary_bodies_come_as_base64(kind):
    raw = bytes(range(256))
    assert request(Headers={"content-type": [kind]}, Body=base64.b64encode(raw).decode()).body == raw
    with pytest.raises(EnvelopeError, match="Body is no Base64"):
        request(Headers={"content-type": [kind]}, Body="a")


def test_text_that_looks_like_base64_is_text():
    assert request(Headers={"content-type": ["text/plain"]}, Body="dGVzdA==").body == b"dGVzdA=="
    assert request(Headers=..., Body="1234").body == b"1234"


@pytest.mark.parametrize("body", [None, "", ...])
def test_a_missing_body_is_an_empty_one(body):
    assert request(Body=body).body == b""


@pytest.mark.parametrize(
    ("url", "path", "base"),
    [
        ("http://h/api", "/", "/api"),
        ("http://h/API/a%20b/%2F", "/a%20b/%2F", "/API"),
        ("http://h/api/ü x", "/%C3%BC%20x", "/api"),
        ("http://h", "/", ""),
        ("/api/x", "/x", "/api"),
        ("http://h/other", "/other", ""),
    ],
)
def test_paths(url, path, base):
    found = request(Url=url)
    assert (found.raw_path, found.base_path) == (path, base)


def test_the_binding_may_have_another_name():
    assert request(name="mine").raw_path == "/orders/7"


@pytest.mark.parametrize(
    "over",
    [{"Url": ...}, {"Url": 5}, {"Method": ""}, {"Method": ...}, {"Headers": []}, {"Url": "/", "Query": "a=1"},
     {"Headers": {"a": ["b\r\nc: d"]}}, {"Headers": {"a b": ["c"]}}],
)  # fmt: skip
def test_what_is_no_request(over):
    with pytest.raises(EnvelopeError):
        request(**over)
    with pytest.raises(EnvelopeError, match=r"Data\.req is no object"):
        request_of(Invocation("f", {"req": "GET /"}, {}), stripper(""))


@given(
    st.text(st.characters(exclude_categories=("Cs",))),
    st.lists(st.tuples(st.sampled_from(("a", "b c", "ü")), st.text(st.characters(codec="utf-8")))),
    st.binary(),
)
def test_any_request_comes_through(text, pairs, raw):
    """Written with the standard library as the host writes it."""
    from urllib.parse import quote, urlencode

    path = "/" + quote(text, safe="")
    url = f"http://h{path}?{urlencode(pairs)}"
    headers = {"content-type": ["application/octet-stream"]}
    made = told(Url=url, Headers=headers, Body=base64.b64encode(raw).decode())
    found = request_of(Invocation("f", json.loads(json.dumps({"req": made})), {}), stripper(""))
    assert (found.path, found.body) == (f"/{text}", raw)
    assert found.query.items() == (pairs or [("a", "1,2")])


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_any_value_is_a_request_or_an_error_of_its_own(value):
    for field in told():
        for made in (told(**{field: value}), value):
            try:
                found = request_of(Invocation("f", {"req": made}, {}), stripper("api"))
            except EnvelopeError:
                continue
            assert found.raw_path.isascii()
