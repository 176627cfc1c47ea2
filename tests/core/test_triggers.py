"""Triggers: what they take, what they refuse, and how they describe themselves."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyfn
from polyfn import Call, Events, Http, Queue, Schedule, Storage, Stream, Topic, Trigger
from polyfn.errors import DeclarationError
from polyfn.runtime import json

EVERY = [
    (Call(), {"kind": "call"}),
    (Http(), {"kind": "http"}),
    (Http("get", "/a/{b}"), {"kind": "http", "method": "GET", "route": "/a/{b}"}),
    (Queue("q", concurrency=3), {"kind": "queue", "name": "q", "concurrency": 3}),
    (Topic("t"), {"kind": "topic", "name": "t", "concurrency": 1}),
    (Stream("s"), {"kind": "stream", "name": "s", "concurrency": 1}),
    (Schedule("0 6 * * *"), {"kind": "schedule", "cron": "0 6 * * *"}),
    (Storage("b", on="any"), {"kind": "storage", "bucket": "b", "on": "any"}),
    (Events("a.b", source="c"), {"kind": "events", "type": "a.b", "source": "c"}),
]


@pytest.mark.parametrize(("trigger", "described"), EVERY, ids=lambda value: str(value)[:20])
def test_a_trigger_describes_itself_as_json(trigger: Trigger, described: dict[str, Any]) -> None:
    assert trigger.describe() == described
    assert json.loads(json.dumps(described)) == described
    settings = {name: value for name, value in described.items() if name != "kind"}
    assert type(trigger).__name__ in repr(trigger)
    for value in settings.values():
        assert repr(value) in repr(trigger)


@pytest.mark.parametrize(("trigger", "described"), EVERY, ids=lambda value: str(value)[:20])
def test_a_trigger_can_be_made_of_its_description(trigger: Trigger, described: dict[str, Any]) -> None:
    settings = {name: value for name, value in described.items() if name != "kind"}
    if isinstance(trigger, Stream):
        del settings["concurrency"]
    again = type(trigger)(**settings)
    assert again == trigger
    assert hash(again) == hash(trigger)


def test_triggers_of_different_kinds_or_settings_differ() -> None:
    assert len({trigger for trigger, _ in EVERY}) == len(EVERY)
    assert Queue("q") != Topic("q")
    assert Queue("q") != Queue("r")
    assert Queue("q") != "q"


def test_messages_are_delivered_by_queues_topics_and_streams_alone() -> None:
    assert {t.kind for t, _ in EVERY if t.delivers == "messages"} == {"queue", "topic", "stream"}


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Http("/orders"),
        lambda: Http("/orders", "GET"),
        lambda: Http(7),  # type: ignore[arg-type]
        lambda: Http("GET", "orders"),
        lambda: Http("GET", ["/"]),  # type: ignore[arg-type]
        lambda: Http("GET", "/a?b=1"),
        lambda: Http("GET", "/a/{b"),
        lambda: Http("GET", "/a/b}"),
        lambda: Http("GET", "/a/{b}-{c}"),
        lambda: Http("GET", "/a/{}"),
        lambda: Http("GET", "/a/{b c}"),
        lambda: Http("GET", "/{rest...}/a"),
        lambda: Http("GET", "/{a}/{a}"),
        lambda: Queue(""),
        lambda: Queue(None),  # type: ignore[arg-type]
        lambda: Queue("q", concurrency=0),
        lambda: Queue("q", concurrency=True),
        lambda: Queue("q", concurrency=1.5),  # type: ignore[arg-type]
        lambda: Schedule("rate(5 minutes)"),
        lambda: Schedule(5),  # type: ignore[arg-type]
        lambda: Storage(""),
        lambda: Storage("b", on="changed"),
    ],
)
def test_what_cannot_work_is_refused(declare: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        declare()
    assert "expected" in str(caught.value) or "route" in str(caught.value)


def test_the_usual_mistake_with_http_is_explained() -> None:
    with pytest.raises(DeclarationError) as caught:
        Http("/orders")
    assert "the method comes first" in str(caught.value.hint)


@given(st.text())
def test_any_text_is_a_route_or_a_declaration_error(route: str) -> None:
    try:
        assert Http(None, route).route == route
    except DeclarationError as error:
        assert "Http route" in str(error)


def test_a_plugins_trigger_may_do_without_slots() -> None:
    class Alarm(Trigger):
        kind = "alarm"

        def __init__(self, level: int) -> None:
            self.level = level
            self._seen = 0

    class Siren(Alarm):
        __slots__ = "tone"

    assert Alarm(3).describe() == {"kind": "alarm", "level": 3}
    assert Alarm(3) != Alarm(4)
    assert Siren(1).describe() == {"kind": "alarm", "level": 1}
    assert repr(Alarm(3)) == "Alarm(level=3)"
    assert polyfn.function(Alarm(1), name="alarmed")(print) is print
