"""Which transport a request came by, and that no client can make it another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.http import Headers
from polyfn_azure.runtime.plan import plan
from polyfn_azure.runtime.transport import (
    ENVELOPE,
    FORWARDED,
    INVOCATION_ID,
    MARK,
    PING,
    PLAIN,
    PROXIED,
    of_scope,
    stripper,
    tell,
)

HERE = "127.0.0.1:41234"
ID = {INVOCATION_ID: "5c1a", "host": HERE}
ENVELOPED = frozenset(("fulfil", "nightly"))


def told(method="POST", path="/fulfil", query="", authority=HERE, **headers):
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return tell(method, path, query, named, ENVELOPED, authority)


HOSTS = {name.replace("-", "_"): value for name, value in ID.items()}


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (dict(HOSTS), ENVELOPE),
        ({**HOSTS, "authority": None, "host": "elsewhere"}, ENVELOPE),
        ({**HOSTS, "path": "/nightly"}, ENVELOPE),
        ({**HOSTS, "x_ms_invocation_id": "5c1a"}, PROXIED),
        ({**HOSTS, "x_ms_invocation_id": ""}, PROXIED),
        ({**HOSTS, "host": "shop.example"}, FORWARDED),
        ({**HOSTS, "host": "127.0.0.1"}, FORWARDED),
        ({**HOSTS, "method": "GET"}, FORWARDED),
        ({**HOSTS, "path": "/FULFIL"}, FORWARDED),
        ({**HOSTS, "path": "/fulfil/"}, FORWARDED),
        ({**HOSTS, "path": "/%66ulfil"}, FORWARDED),
        ({**HOSTS, "path": "fulfil"}, FORWARDED),
        ({**HOSTS, "path": "*fulfil"}, FORWARDED),
        ({**HOSTS, "path": "/other"}, FORWARDED),
        ({**HOSTS, "query": "a=1"}, FORWARDED),
        ({**HOSTS, "method": "GET", "path": "/"}, FORWARDED),
        ({"host": HERE}, PLAIN),
        ({"host": HERE, "method": "GET", "path": "/"}, PING),
        ({"host": HERE, "method": "HEAD", "path": "/"}, PLAIN),
        ({"method": "GET", "path": "/", "x_ms_invocation_id": "1"}, PROXIED),
    ],
)
def test_the_table(request_, kind):
    assert told(**request_) == kind


def test_a_scope_is_told_as_a_request_is():
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/fulfil", "raw_path": b"/fulfil",
        "query_string": b"", "headers": [(name.encode(), value.encode()) for name, value in ID.items()],
    }  # fmt: skip
    assert of_scope(scope, ENVELOPED, HERE) == ENVELOPE
    scope["headers"].append((MARK.encode(), b"x"))
    assert of_scope(scope, ENVELOPED, HERE) == PROXIED


names = st.sampled_from(("fulfil", "nightly", "hello", "show", "api", "p"))
segments = st.sampled_from(("fulfil", "Fulfil", "%66ulfil", "nightly", "orders", "api", "{id}", "p"))
routes = st.one_of(
    st.none(),
    st.lists(segments, max_size=3).map(lambda parts: "/" + "/".join(dict.fromkeys(parts))),
    st.lists(segments, max_size=2).map(
        lambda parts: "/" + "/".join([*[part for part in parts if part != "{id}"], "{rest...}"])
    ),
)
triggers = st.one_of(
    st.builds(
        lambda method, route: {"kind": "http", "method": method, "route": route},
        st.sampled_from((None, "POST", "GET")),
        routes,
    ),
    st.just({"kind": "call"}),
    st.sampled_from(("queue", "topic", "schedule")).map(lambda kind: {"kind": kind, "name": "q"}),
)
events = st.sampled_from(("fulfil", "api", "p"))
apps = st.dictionaries(names, triggers, min_size=1, max_size=4)
client_headers = st.dictionaries(
    st.sampled_from(
        (MARK, INVOCATION_ID, "host", "content-type", "user-agent", "x-azure-functions-hostversion")
    ),
    st.sampled_from(("", "5c1a", "shop.example", HERE, "application/json; charset=utf-8")),
)
paths = st.one_of(
    names.map(lambda name: f"/{name}"),
    st.tuples(names, names).map(lambda parts: "/" + "/".join(parts)),
    st.sampled_from(
        ("/", "/fulfil/", "//fulfil", "/FULFIL", "/%66ulfil", "/x/../fulfil", "/x%5C..%5Cfulfil")
    ),
)


def takes(trigger, prefix, own, method, path):
    """Whether the host's router hands this request to that function: decoded, minding no case."""
    from polyfn.runtime.percent import unquote

    if trigger["kind"] not in ("http", "call") or trigger.get("method") not in (None, method):
        return False
    route = f"/{own}" if trigger["kind"] == "call" else trigger["route"]
    route = "/{all...}" if route is None else route
    wanted = [unquote(part).lower() for part in f"{prefix}{route}".split("/") if part]
    given = [unquote(part).lower() for part in path.split("/") if part]
    for index, want in enumerate(wanted):
        if want.endswith("...}"):
            return True
        if index >= len(given) or not (want.startswith("{") or want == given[index]):
            return False
    return len(wanted) == len(given)


@given(apps, events, st.sampled_from(("", "api", "p")), paths, client_headers)
def test_a_forwarded_request_never_is_an_envelope(app, event, prefix, path, headers):
    """Even to the address that the host dials, which a client would have to know."""
    app = app | {event: {"kind": "queue", "name": "q"}}
    planned = plan(app.items(), {"route_prefix": prefix})
    if not planned.forwarding:
        return
    routes = [(name, trigger) for name, trigger in app.items() if name in planned.passed]
    for sent in (path, f"/{event}", f"/{event}/", f"/{event.upper()}"):
        if any(takes(trigger, prefix, name, "POST", sent) for name, trigger in routes):
            # What the host adds, it adds over what a client says.
            told = Headers(headers | {INVOCATION_ID: "host-1"})
            assert tell("POST", sent, "", told, planned.enveloped, None) != ENVELOPE


@given(apps, paths, st.sampled_from(("POST", "GET")), client_headers)
def test_a_proxied_request_never_is_an_envelope(app, path, method, headers):
    planned = plan(app.items(), {})
    sent = Headers(headers | {INVOCATION_ID: "host-1", MARK: "host-1"})
    assert tell(method, path, "", sent, planned.enveloped, HERE) == PROXIED


@given(apps, st.sampled_from(("proxy", "forward", "envelope")), st.sampled_from(("", "api")))
def test_whatever_the_host_sends_as_an_envelope_is_one(app, transport, prefix):
    """For every function that is not passed on, with hosts that know proxying and with those that do not."""
    planned = plan(app.items(), {"transport": transport, "route_prefix": prefix})
    for name, trigger in app.items():
        pure = trigger["kind"] in ("http", "call")
        for knows in (True, False):
            passes = pure and ((planned.proxying and knows) or planned.forwarding)
            if not passes:
                assert tell("POST", f"/{name}", "", Headers(ID), planned.enveloped, HERE) == ENVELOPE


@pytest.mark.parametrize(
    ("prefix", "path", "found"),
    [
        ("", "/orders/7", ("/orders/7", "")),
        ("api", "/api/orders/7", ("/orders/7", "/api")),
        ("api", "/API/orders", ("/orders", "/API")),
        ("api", "/api", ("/", "/api")),
        ("api", "/api/", ("/", "/api")),
        ("api/v1", "/api/v1/x", ("/x", "/api/v1")),
        ("api", "/apis/x", None),
        ("api", "/orders", None),
    ],
)
def test_the_prefix_comes_off_at_a_segment(prefix, path, found):
    assert stripper(prefix)(path) == found
