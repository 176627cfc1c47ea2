"""HTTP in: what a handler sees of a request, from every source."""

from urllib.parse import parse_qsl, quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Http, Request
from polyfn.errors import PayloadError, TriggerMismatchError
from polyfn_aws.runtime.http_in import _PATH, _legal, _quote, request_of
from polyfn_aws.runtime.verify import http_form

ALL = ("rest", "http-api", "function-url", "alb", "alb-multi")


def decode(event, base_path=""):
    return request_of(event, http_form(event), base_path)


@pytest.fixture(scope="session")
def request_from(aws):
    return lambda source, base_path="", over={}, **facts: decode(
        aws.SOURCES[source](aws.Wire(**facts), **over), base_path
    )


def test_every_source_is_told_apart(aws, source):
    assert http_form(aws.SOURCES[source](aws.Wire())) == source.removesuffix("-multi")


NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8).map(lambda name: f"x-{name}")
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
COOKIES = st.lists(st.tuples(st.from_regex(r"[a-z]{1,5}", fullmatch=True), VALUES), max_size=4).map(
    lambda cookies: [(name, value) for name, value in cookies if not set(value) & set(';", ')]
)
PAIRS = st.lists(st.tuples(st.text(min_size=1, max_size=6), st.text(max_size=8)), max_size=6)
SEGMENT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(headers=HEADERS, cookies=COOKIES, source=st.sampled_from(ALL))
def test_headers_and_cookies_survive(request_from, headers, cookies, source):
    wire = [*headers, *[("cookie", f"{name}={value}") for name, value in cookies]]
    request = request_from(source, headers=wire)
    for name in {name for name, _ in headers}:
        sent = [value for key, value in headers if key == name]
        seen = request.headers.all(name)
        if source in ("rest", "alb-multi"):
            assert seen == sent
        elif source == "alb":
            assert seen == sent[-1:]
        else:
            assert seen == [",".join(sent)]
    if source == "alb":
        cookies = cookies[-1:]
    first = {}
    for name, value in cookies:
        first.setdefault(name, value)
    assert request.cookies == first


@given(pairs=PAIRS, source=st.sampled_from(ALL), plus=st.booleans())
def test_case_05_the_query_is_decoded_exactly_once(request_from, pairs, source, plus):
    encode = (
        (lambda text: quote(text, safe="").replace("%20", "+"))
        if plus
        else (lambda text: quote(text, safe=""))
    )
    query = "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)
    request = request_from(source, query=query)
    wanted = parse_qsl(query, keep_blank_values=True)
    if source in ("http-api", "function-url"):
        assert request.raw_query == query
        assert request.query.items() == wanted
    elif source == "alb":
        assert dict(request.query.items()) == dict(wanted)
    else:
        for name, _ in wanted:
            assert request.query.all(name) == [value for key, value in wanted if key == name]
        assert len(request.query) == len(wanted)


def test_case_05_an_encoded_ampersand_and_equals_sign_stay_in_their_value(request_from):
    for source in ALL:
        request = request_from(source, query="a=%261%3D&b=2%2520")
        assert request.query.items() == [("a", "&1="), ("b", "2%20")]


def test_case_06_a_parameter_without_value(request_from, aws):
    for source in ALL:
        assert request_from(source, query="flag&a=1").query.items() == [("flag", ""), ("a", "1")]
    assert request_from("http-api", query="flag&a=1").raw_query == "flag&a=1"
    event = aws.rest(aws.Wire(), multiValueQueryStringParameters=None, queryStringParameters={"flag": None})
    assert decode(event).raw_query == "flag"


@given(segments=st.lists(SEGMENT, min_size=1, max_size=4), source=st.sampled_from(ALL))
def test_the_path_keeps_its_encoding(request_from, segments, source):
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    request = request_from(source, path=path)
    if source != "http-api":  # which hands it over decoded
        assert request.raw_path == path
        assert request.path == unquote(path)
    assert request.raw_path.isascii()
    assert not set(request.raw_path) & set(' "<>\\^`{|}#?')


def test_an_encoded_slash_stays_in_its_segment(request_from):
    for source in ("rest", "function-url", "alb"):
        request = request_from(source, path="/a%2Fb/c%20d")
        assert (request.raw_path, request.path) == ("/a%2Fb/c%20d", "/a/b/c d")


def test_what_a_gateway_decoded_is_encoded_again(request_from):
    assert request_from("http-api", path="/caf%C3%A9/with%20space").raw_path == "/caf%C3%A9/with%20space"


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_quoting_is_that_of_the_standard_library(text):
    assert _quote(text) == quote(text, safe="")
    legal = _legal(text, _PATH)
    assert unquote(legal) == unquote(text)
    assert _legal(legal, _PATH) == legal


@pytest.mark.parametrize(
    ("text", "legal"),
    [
        ("100%", "100%25"),
        ("%zz", "%25zz"),
        ("%2f%2F", "%2f%2F"),
        ("a b", "a%20b"),
        ("%", "%25"),
        ("%4", "%254"),
    ],
)
def test_a_percent_sign_is_kept_only_where_it_escapes(text, legal):
    assert _legal(text, _PATH) == legal


@given(body=st.binary(), source=st.sampled_from(ALL), binary=st.booleans())
def test_bodies_survive(request_from, body, source, binary):
    assert (
        request_from(source, method="POST", body=body, over={"binary": True if binary else None}).body == body
    )


@pytest.mark.parametrize(
    ("path", "seen", "taken"),
    [
        ("/api/orders", "/orders", "/api"),
        ("/api", "/", "/api"),
        ("/api/", "/", "/api"),
        ("/apiary", "/apiary", ""),
        ("/orders/api", "/orders/api", ""),
        ("/api/a%2Fb", "/a%2Fb", "/api"),
        ("/api/api", "/api", "/api"),
    ],
)
def test_the_base_path_ends_at_a_boundary(request_from, path, seen, taken):
    for source in ("rest", "function-url", "alb"):
        over = {"domain": "api.example.com"} if source == "rest" else {}
        request = request_from(source, base_path="/api", path=path, over=over)
        assert (request.raw_path, request.base_path) == (seen, taken)


def test_a_stage_is_taken_off_only_where_api_gateway_put_it(request_from):
    def paths(source, path="/x", **over):
        request = request_from(source, path=path, over=over)
        return request.raw_path, request.base_path

    assert paths("http-api", stage="dev") == ("/x", "/dev")
    assert paths("http-api", stage="dev", path="/") == ("/", "/dev")
    assert paths("http-api", stage="dev", domain="api.example.com") == ("/dev/x", "")
    assert paths("http-api", path="/$default/x") == ("/$default/x", "")
    assert paths("rest") == ("/x", "/prod")
    assert paths("rest", path="/prod/x") == ("/prod/x", "/prod")
    assert paths("rest", domain="api.example.com") == ("/x", "")


def test_a_stage_ends_at_a_boundary(aws):
    event = aws.http_api(aws.Wire(path="/vice"), stage="dev")
    event["rawPath"] = "/device"
    assert decode(event).raw_path == "/device"


def test_a_stage_and_a_base_path_come_off_together(request_from):
    request = request_from("http-api", path="/api/x", over={"stage": "dev"}, base_path="/api")
    assert (request.raw_path, request.base_path) == ("/x", "/dev/api")


def test_format_one_of_an_http_api_has_the_stage_in_its_path(aws):
    event = aws.rest(aws.Wire(path="/dev/x"), stage="dev", version="1.0")
    event["requestContext"] |= {"path": "/dev/x", "resourceId": None}
    request = decode(event)
    assert (request.raw_path, request.base_path) == ("/x", "/dev")


def test_a_rest_path_that_begins_like_the_stage_keeps_it(aws):
    event = aws.rest(aws.Wire(path="/dev/x"), stage="dev")
    event["requestContext"]["path"] = "/dev/x"  # as the console's test button sends it
    request = decode(event)
    assert (request.raw_path, request.base_path) == ("/dev/x", "")


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["10.0.0.1, 203.0.113.9"], "203.0.113.9"),
        (["10.0.0.1", "203.0.113.9"], "203.0.113.9"),
        (["spoofed, 203.0.113.9:51532"], "203.0.113.9"),
        (["2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]:51532"], "2001:db8::7"),
        ([], None),
        ([""], None),
    ],
)
def test_a_load_balancers_client_is_the_hop_that_it_appended(request_from, forwarded, client):
    headers = [("x-forwarded-for", value) for value in forwarded]
    assert request_from("alb-multi", headers=headers).client == client


def test_a_gateways_client_is_what_it_says_and_not_a_header(request_from):
    headers = [("x-forwarded-for", "10.9.9.9")]
    assert request_from("rest", headers=headers).client == "198.51.100.4"
    assert request_from("http-api", headers=headers).client == "198.51.100.5"


def test_scheme_host_id_and_time(request_from):
    headers = [("host", "shop.example.com"), ("x-forwarded-proto", "https")]
    for source in ALL:
        request = request_from(source, headers=headers)
        assert (request.scheme, request.host) == ("https", "shop.example.com")
    bare = request_from("rest")
    assert (bare.scheme, bare.host) == (None, "x1y2.execute-api.eu-west-3.amazonaws.com")
    assert bare.id == "2f4e7d1c-0001-4a4a-9b9b-0123456789ab"
    assert bare.time.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    second = request_from("http-api")
    assert (second.id, second.time.isoformat()) == ("Req=Id=", "2023-11-14T22:13:20.456000+00:00")
    told_nothing = request_from("alb")
    assert (told_nothing.scheme, told_nothing.host, told_nothing.id, told_nothing.time) == (None,) * 4


def test_case_08_nothing_but_what_a_source_always_sends(aws, source):
    """Missing and null headers, bodies, queries and cookies, as consoles and health checks send them."""
    parts = (
        "headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters",
        "body", "cookies", "rawQueryString", "pathParameters", "stageVariables",
    )  # fmt: skip
    whole = aws.SOURCES[source](aws.Wire())
    missing = {name: value for name, value in whole.items() if name not in parts}
    null = missing | dict.fromkeys(parts)
    for event in (missing, null):
        request = decode(event)
        assert (list(request.headers), request.body, request.raw_query) == ([], b"", "")
        assert request.content_type is None
        assert request.cookies == {}


def test_single_headers_fill_in_what_the_multi_value_ones_lack(aws):
    event = aws.rest(aws.Wire(), headers={"A": "1", "b": "2"}, multiValueHeaders={"a": ["1", "3"]})
    assert decode(event).headers.items() == [("a", "1"), ("a", "3"), ("b", "2")]


def test_odd_headers_do_not_break_a_request(aws):
    event = aws.rest(aws.Wire(), multiValueHeaders=None, headers={"a": "x\r\n y", "b": None, "c": 3})
    assert decode(event).headers.items() == [("a", "x y"), ("c", "3")]


def test_the_whole_event_is_at_native(deliver, aws, source):
    seen = []

    def handler(request: Request):
        seen.append(request.native)

    event = aws.SOURCES[source](aws.Wire())
    deliver(Http(), handler, event)
    assert seen == [event]


def test_routes_see_the_path_without_stage_and_base_path(deliver, aws):
    def show(request: Request):
        return request.params

    event = aws.http_api(aws.Wire(path="/shop/orders/a%2Fb"), stage="dev", decodes=False)
    told = deliver(Http("GET", "/orders/{order_id}"), show, event, base_path="/shop")
    assert aws.reply_of("http-api", told).body == b'{"order_id":"a/b"}'


WEBSOCKET = {
    "requestContext": {"connectionId": "c=", "eventType": "MESSAGE", "routeKey": "$default", "apiId": "w"},
    "body": "hi",
    "isBase64Encoded": False,
}
LATTICE = {
    "version": "2.0",
    "path": "/x",
    "method": "GET",
    "headers": {"accept": ["*/*"]},
    "isBase64Encoded": False,
    "requestContext": {"serviceNetworkArn": "arn:aws:vpc-lattice:x", "region": "eu-west-3"},
}
LATTICE_FIRST = {"raw_path": "/x", "method": "GET", "headers": {}, "is_base64_encoded": False, "body": ""}


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (WEBSOCKET, "WebSocket"),
        (LATTICE, "VPC Lattice"),
        (LATTICE_FIRST, "VPC Lattice"),
        ({"Records": [{"eventSource": "aws:sqs"}]}, "SQS"),
        ({"name": "world"}, "no known AWS source"),
        ([1], "other JSON"),
    ],
)
def test_what_is_no_request_is_named(deliver, event, named):
    with pytest.raises(TriggerMismatchError, match=named) as raised:
        deliver(Http("GET", "/x"), lambda request: None, event)
    assert "Http(method='GET', route='/x')" in str(raised.value)
    assert "world" not in str(raised.value)


def test_authorizer_and_websocket_connect_events_are_no_requests(aws):
    authorizer = aws.rest(aws.Wire(), methodArn="arn:aws:execute-api:x", type="REQUEST")
    second = aws.http_api(aws.Wire(), routeArn="arn:aws:execute-api:x", type="REQUEST")
    second.pop("isBase64Encoded")
    connect = aws.rest(aws.Wire())
    connect["requestContext"] |= {"connectionId": "c=", "eventType": "CONNECT"}
    assert [http_form(event) for event in (authorizer, second, connect)] == [None, None, None]


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.0"},
        {"version": None},
        {"rawPath": None},
        {"isBase64Encoded": None},
        {"requestContext": {"http": {"method": "GET", "path": "/"}}},
        {"requestContext": {"http": {"method": "GET"}, "apiId": "a", "requestId": "r"}},
    ],
)
def test_case_28_an_incomplete_envelope_is_none(aws, change):
    assert http_form(aws.http_api(aws.Wire()) | change) is None


@pytest.mark.parametrize("name", ["resource", "httpMethod", "path", "requestContext"])
def test_case_28_nor_is_one_of_the_first_format(aws, name):
    event = aws.rest(aws.Wire())
    del event[name]
    assert http_form(event) is None


@pytest.mark.parametrize("name", ["apiId", "httpMethod", "identity", "resourceId", "resourcePath", "stage"])
def test_case_28_nor_one_without_its_whole_context(aws, name):
    event = aws.rest(aws.Wire())
    del event["requestContext"][name]
    assert http_form(event) is None


def test_a_body_that_is_not_the_base64_it_claims_to_be(deliver, aws):
    event = aws.http_api(aws.Wire("POST"), body="abc", isBase64Encoded=True)
    with pytest.raises(PayloadError, match="base64"):
        deliver(Http(), lambda request: None, event)


def test_a_body_that_was_written_by_hand_as_an_object(deliver, aws, source):
    event = aws.SOURCES[source](aws.Wire("POST"), body={"name": "x"})
    with pytest.raises(PayloadError, match="not a string"):
        deliver(Http(), lambda request: None, event)
