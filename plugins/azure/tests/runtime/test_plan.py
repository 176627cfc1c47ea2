"""The transports of an app, decided from its functions and its settings."""

import pytest

from polyfn_azure.runtime.plan import could_match, plan

QUEUE = {"kind": "queue", "name": "orders"}
SHOW = {"kind": "http", "method": "GET", "route": "/orders/{id}"}
ALL = {"kind": "http"}
CALL = {"kind": "call"}


def test_http_alone_is_passed_on():
    planned = plan([("show", SHOW), ("hello", CALL)], {})
    assert (planned.proxying, planned.forwarding) == (True, True)
    assert (planned.passed, planned.enveloped) == ({"show", "hello"}, set())


def test_events_come_as_envelopes():
    planned = plan([("show", SHOW), ("fulfil", QUEUE)], {})
    assert (planned.proxying, planned.forwarding) == (True, True)
    assert (planned.passed, planned.enveloped) == ({"show"}, {"fulfil"})


def test_an_output_makes_an_envelope_of_http():
    settings = {"functions": {"show": {"outputs": [{"name": "audit", "type": "queue"}]}}}
    planned = plan([("show", SHOW), ("hello", CALL)], settings)
    assert (planned.passed, planned.enveloped) == ({"hello"}, {"show"})


def test_a_route_for_everything_turns_forwarding_off():
    planned = plan([("api", ALL), ("fulfil", QUEUE)], {})
    assert (planned.proxying, planned.forwarding) == (True, False)
    assert planned.clashes == ((None, "fulfil"),)
    # A host without proxying sends HTTP as an envelope as well.
    assert (planned.passed, planned.enveloped) == ({"api"}, {"api", "fulfil"})
    assert not plan([("api", ALL), ("fulfil", QUEUE)], {"transport": "forward"}).forwarding


def test_a_prefix_keeps_them_apart():
    planned = plan([("api", ALL), ("fulfil", QUEUE)], {"route_prefix": "web"})
    assert planned.forwarding
    assert not plan([("api", ALL), ("web", QUEUE)], {"route_prefix": "web"}).forwarding


def test_the_settings_choose():
    functions = [("show", SHOW), ("fulfil", QUEUE)]
    forward, envelope = (plan(functions, {"transport": word}) for word in ("forward", "envelope"))
    assert (forward.proxying, forward.forwarding, forward.enveloped) == (False, True, {"fulfil"})
    assert (envelope.proxying, envelope.forwarding) == (False, False)
    assert envelope.enveloped == {"show", "fulfil"}


def test_names_that_differ_in_case_alone_clash():
    assert not plan([("Fulfil", CALL), ("fulfil", QUEUE)], {}).forwarding


@pytest.mark.parametrize(
    ("route", "prefix", "name", "could"),
    [
        ("/fulfil", "", "fulfil", True),
        ("/FulFil/", "", "fulfil", True),
        ("/%66ulfil", "", "fulfil", True),
        ("/{id}", "", "fulfil", True),
        ("/{rest...}", "", "fulfil", True),
        ("/fulfil/{rest...}", "", "fulfil", True),
        ("/", "", "fulfil", False),
        ("/orders", "", "fulfil", False),
        ("/orders/{rest...}", "", "fulfil", False),
        ("/{a}/{b}", "", "fulfil", False),
        (None, "", "fulfil", True),
        (None, "api", "fulfil", False),
        (None, "api", "api", True),
        ("/", "api", "api", True),
        ("/fulfil", "api", "fulfil", False),
    ],
)
def test_could_match(route, prefix, name, could):
    assert could_match(route, prefix, name) is could
