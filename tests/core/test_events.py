"""Events and contexts: what the platform told, and nothing invented."""

import time
from typing import Any

import pytest

from polyfn import Batch, Context, Drop, Event, Message, ObjectChange, Retry, Tick
from polyfn.errors import PayloadError
from polyfn.events import UNSET
from polyfn.runtime.trace import Trace

EVERY = [
    Event(), Message(), Tick(), ObjectChange(bucket="b", key="k", change="created"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVERY, ids=lambda event: type(event).__name__)
def test_what_is_not_told_is_none(event: Event[Any]) -> None:
    names = (
        "id",
        "source",
        "type",
        "subject",
        "time",
        "content_type",
        "attempt",
        "native",
        "payload",
        "data",
    )
    assert [getattr(event, name) for name in names] == [None] * len(names)
    assert (event.raw, event.text, event.attributes) == (b"", "", {})
    for name in ("key", "sequence", "origin", "schedule", "size", "etag", "version"):
        if hasattr(event, name) and (type(event).__name__, name) != ("ObjectChange", "key"):
            assert getattr(event, name) is None


def test_what_is_told_is_there() -> None:
    facts: dict[str, Any] = {
        "id": "1", "source": "s", "type": "t", "subject": "u", "content_type": "c", "attempt": 2,
        "attributes": {"a": b"1"}, "native": object(),
    }  # fmt: skip
    message = Message(raw=b"[1]", key=b"k", sequence=3, origin="q", **facts)
    for name, value in facts.items():
        assert getattr(message, name) is value
    assert (message.key, message.sequence, message.origin, message.payload) == (b"k", 3, "q", [1])
    change = ObjectChange(bucket="b", key="k", change="deleted", size=0, etag="e", version="v", **facts)
    assert (change.bucket, change.key, change.change, change.size, change.etag, change.version) == (
        "b", "k", "deleted", 0, "e", "v",
    )  # fmt: skip
    assert Tick(schedule="nightly", **facts).schedule == "nightly"


def test_raw_and_payload_are_two_views_of_one_thing() -> None:
    assert Event(raw=b' {"a": 1}').payload == {"a": 1}
    assert Event(raw=b' {"a": 1}').raw == b' {"a": 1}'
    assert Event(payload={"a": "é"}).raw == '{"a":"é"}'.encode()
    assert Event(payload=None).raw == b"null"
    assert Event(payload=UNSET).raw == b""
    assert Event(raw=b"").payload is None


def test_a_payload_is_decoded_once() -> None:
    event = Event(raw=b"[]")
    assert event.payload is event.payload is event.data


def test_what_is_no_json_is_a_payload_error_with_a_hint() -> None:
    with pytest.raises(PayloadError, match="not JSON") as caught:
        Event(raw=b"{s3cret").payload  # noqa: B018
    assert "bytes" in str(caught.value.hint)
    assert "s3cret" not in str(caught.value)


def test_case_29_a_repr_shows_no_payload() -> None:
    secret = "s3cret"
    for event in (
        Event(raw=secret.encode(), attributes={"a": secret}, native={"b": secret}),
        Message(payload={"a": secret}),
        Batch([Message(payload=secret)], native=secret),
    ):
        assert secret not in repr(event)
        assert secret not in str(event)


def test_events_can_be_subscripted_and_compared_by_identity() -> None:
    assert Event[int].__origin__ is Event  # type: ignore[attr-defined]
    assert Message[dict[str, int]].__args__ == (dict[str, int],)  # type: ignore[attr-defined]
    one = Message(id="1", payload=1)
    assert one != Message(id="1", payload=1)
    assert {one: 1}[one] == 1


# The context.


def context(**facts: Any) -> Context:
    return Context(request_id="r", function="f", provider="p", **facts)


def test_case_21_a_context_tells_its_deadline() -> None:
    assert context().remaining() == float("inf")
    assert 9 < context(deadline=time.time() + 10).remaining() <= 10
    assert context(deadline=time.time() - 1).remaining() == 0.0


def test_a_context_makes_the_dear_things_on_first_use() -> None:
    made: list[str] = []
    trace = Trace("1" * 32, "2" * 16)

    def make(name: str, value: Any) -> Any:
        return lambda: made.append(name) or value

    lazy = context(
        trace=make("trace", trace), native=make("native", {"arn": 1}), region=make("region", "here")
    )
    assert made == []
    assert (lazy.trace, lazy.trace, lazy.native, lazy.native) == (trace, trace, {"arn": 1}, {"arn": 1})
    assert (lazy.region, lazy.region) == ("here", "here")
    assert made == ["trace", "native", "region"]
    assert (context(trace=trace).trace, context().trace, context().native) == (trace, None, None)


def test_a_context_for_another_attempt_is_the_same_but_for_that() -> None:
    first = context(version="v", region="z", deadline=5.0, cold_start=True, attempt=1)
    copy = first.for_attempt(3)
    assert (copy.attempt, first.attempt) == (3, 1)
    for name in ("request_id", "function", "provider", "version", "region", "deadline", "cold_start"):
        assert getattr(copy, name) == getattr(first, name)
    copy.defer(print)
    first.defer(repr)
    assert first.deferred == copy.deferred == [print, repr]


def test_only_a_callable_can_be_deferred() -> None:
    async def work() -> None: ...

    coroutine = work()
    with pytest.raises(TypeError, match="callable without arguments"):
        context().defer(coroutine)  # type: ignore[arg-type]
    coroutine.close()


def test_a_context_is_recognised_in_a_log_line() -> None:
    assert repr(context(native="s3cret")) == "<Context f r on p>"


# Outcomes.


def test_outcomes_carry_their_reason() -> None:
    assert (str(Retry()), Retry("why", after=3).after, Retry("why").reason) == ("retry requested", 3, "why")
    assert (str(Drop()), Drop("why").reason) == ("dropped", "why")


@pytest.mark.parametrize("after", [-1, -0.1, float("nan"), float("inf")])
def test_a_delay_is_a_number_of_seconds(after: float) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        Retry(after=after)
