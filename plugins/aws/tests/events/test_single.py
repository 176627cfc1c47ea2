"""Storage, Schedule and Events: one event per call, on asynchronous invocations."""

import pytest

from polyfn import Drop, Event, Events, ObjectChange, Retry, Schedule, Storage, Tick
from polyfn.errors import TriggerMismatchError

BUS = {
    "version": "0",
    "id": "6a7e8feb",
    "detail-type": "Order Placed",
    "source": "shop.orders",
    "account": "444455556666",
    "time": "2026-01-15T06:00:00Z",
    "region": "eu-west-3",
    "resources": ["arn:aws:x"],
    "detail": {"id": 7},
}
TICK = BUS | {
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "resources": ["arn:aws:events:eu-west-3:4:rule/nightly"],
    "detail": {},
}


def s3(*keys, name="ObjectCreated:Put", **thing):
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": name,
                "eventTime": "2026-01-15T06:00:00.000Z",
                "s3": {
                    "configurationId": "c",
                    "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
                    "object": {"key": key, "sequencer": "0A", **thing},
                },
            }
            for key in keys
        ]
    }


@pytest.fixture
def see(deliver):
    """What a trigger's handler sees, one event per call."""

    def run(trigger, event):
        seen = []
        kind = {"storage": ObjectChange, "schedule": Tick, "events": Event}[trigger.kind]

        def handler(event):
            seen.append(event)

        handler.__annotations__["event"] = kind
        assert deliver(trigger, handler, event) == b"null"
        return seen

    return run


class TestStorage:
    def test_an_object_created(self, see):
        event = s3("a+b/%C3%A9%2B.txt", size=11, eTag="e1", versionId="v1")
        (change,) = see(Storage("uploads"), event)
        assert (change.bucket, change.key, change.change) == ("uploads", "a b/é+.txt", "created")
        assert (change.size, change.etag, change.version) == (11, "e1", "v1")
        assert (change.type, change.subject, change.source) == (
            "ObjectCreated:Put",
            change.key,
            "arn:aws:s3:::uploads",
        )
        assert change.time.isoformat() == "2026-01-15T06:00:00+00:00"
        assert change.attributes == {"sequencer": "0A", "configurationId": "c"}
        assert change.native == event["Records"][0]

    @pytest.mark.parametrize(
        "name", ["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:Delete"]
    )
    def test_an_object_deleted(self, see, name):
        (change,) = see(Storage("uploads", on="deleted"), s3("k", name=name))
        assert (change.change, change.size, change.etag, change.version) == ("deleted", None, None, None)

    def test_other_changes_keep_the_platforms_word(self, see):
        (change,) = see(Storage("uploads", on="any"), s3("k", name="ObjectRestore:Completed"))
        assert change.change == "ObjectRestore:Completed"

    def test_a_wider_notification_is_skipped_with_a_warning(self, see, log):
        event = {"Records": s3("a")["Records"] + s3("b", name="ObjectRemoved:Delete")["Records"]}
        assert [change.key for change in see(Storage("uploads"), event)] == ["a"]
        assert [change.key for change in see(Storage("uploads", on="deleted"), event)] == ["b"]
        assert [change.key for change in see(Storage("uploads", on="any"), event)] == ["a", "b"]
        assert [level for level, *_ in log] == ["WARNING", "WARNING"]

    def test_s3_through_eventbridge_does_not_encode_keys(self, see):
        detail = {
            "bucket": {"name": "uploads"},
            "object": {"key": "a+b%20.txt", "size": 3, "etag": "e", "version-id": "v", "sequencer": "0B"},
            "reason": "PutObject",
        }
        event = BUS | {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
        (change,) = see(Storage("uploads"), event)
        assert (change.bucket, change.key, change.change) == ("uploads", "a+b%20.txt", "created")
        assert (change.size, change.etag, change.version, change.id) == (3, "e", "v", "6a7e8feb")
        assert change.attributes == {"sequencer": "0B", "reason": "PutObject"}
        event = event | {"detail-type": "Object Deleted"}
        assert see(Storage("uploads", on="deleted"), event)[0].change == "deleted"

    def test_the_test_event_succeeds_and_calls_nothing(self, see, log):
        event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-15", "Bucket": "uploads"}
        assert see(Storage("uploads"), event) == []
        assert log[0][0] == "INFO"

    def test_one_failure_does_not_keep_the_others_from_being_tried(self, deliver, log):
        seen = []

        def handler(change: ObjectChange):
            seen.append(change.key)
            raise ValueError(change.key)

        with pytest.raises(ValueError, match="a"):
            deliver(Storage("uploads"), handler, s3("a", "b"))
        assert seen == ["a", "b"]


class TestSchedule:
    def test_a_rule(self, see):
        (tick,) = see(Schedule("0 6 * * *"), TICK)
        assert (tick.schedule, tick.time.isoformat()) == ("nightly", "2026-01-15T06:00:00+00:00")
        assert (tick.data, tick.id, tick.native) == ({}, "6a7e8feb", TICK)

    def test_scheduler_without_a_payload(self, see):
        event = TICK | {
            "source": "aws.scheduler",
            "resources": ["arn:aws:scheduler:eu-west-3:4:schedule/default/dawn"],
            "detail": "{}",
        }
        (tick,) = see(Schedule("0 6 * * *"), event)
        assert (tick.schedule, tick.data, tick.raw) == ("dawn", {}, b"{}")

    @pytest.mark.parametrize(
        "payload", [{"report": "weekly"}, [1], "text", 3, None, {"detail": 1, "source": "x"}]
    )
    def test_a_payload_of_ones_own(self, see, payload):
        (tick,) = see(Schedule("0 6 * * *"), payload)
        assert (tick.data, tick.native) == (payload, payload)
        assert (tick.schedule, tick.time, tick.id) == (None, None, None)

    @pytest.mark.parametrize("event", [BUS, s3("a"), {"Records": [{"eventSource": "aws:sqs"}]}])
    def test_what_is_no_tick_is_named(self, see, event):
        with pytest.raises(TriggerMismatchError, match="Schedule"):
            see(Schedule("0 6 * * *"), event)

    def test_a_rule_without_resources(self, see):
        assert see(Schedule("0 6 * * *"), TICK | {"resources": []})[0].schedule is None


class TestEvents:
    def test_case_26_nothing_of_the_envelope_is_lost(self, see):
        (event,) = see(Events(), BUS | {"replay-name": "again"})
        assert (event.id, event.source, event.type) == ("6a7e8feb", "shop.orders", "Order Placed")
        assert (event.data, event.time.isoformat()) == ({"id": 7}, "2026-01-15T06:00:00+00:00")
        assert event.attributes == {
            "account": "444455556666",
            "region": "eu-west-3",
            "resources": ["arn:aws:x"],
            "replay-name": "again",
        }
        assert event.native["replay-name"] == "again"

    def test_type_and_source_are_verified(self, see):
        assert see(Events("Order Placed", source="shop.orders"), BUS)
        for trigger in (Events("Order Paid"), Events(source="shop.other")):
            with pytest.raises(TriggerMismatchError, match="Order Placed") as raised:
                see(trigger, BUS)
            assert repr(trigger) in str(raised.value)

    @pytest.mark.parametrize("event", [{"id": "1"}, s3("a"), {"detail-type": "x", "source": "y"}, []])
    def test_what_is_no_event_is_named(self, see, event):
        with pytest.raises(TriggerMismatchError, match="EventBridge"):
            see(Events(), event)


class TestOutcomes:
    CASES = ((Storage("u"), s3("a")), (Schedule("0 6 * * *"), TICK), (Events(), BUS))

    @pytest.mark.parametrize(("trigger", "event"), CASES)
    def test_case_14_an_exception_fails_the_invocation(self, deliver, trigger, event):
        def handler(event):
            raise KeyError("x")

        with pytest.raises(KeyError):
            deliver(trigger, handler, event)

    @pytest.mark.parametrize(("trigger", "event"), CASES)
    def test_retry_fails_it_too(self, deliver, trigger, event):
        def handler(event):
            raise Retry(after=5)

        with pytest.raises(Retry):
            deliver(trigger, handler, event)

    @pytest.mark.parametrize(("trigger", "event"), CASES)
    def test_drop_succeeds_and_is_logged_as_an_error(self, deliver, log, trigger, event):
        def handler(event):
            raise Drop("unreadable")

        assert deliver(trigger, handler, event) == b"null"
        assert [(level, "unreadable" in text) for level, text, *_ in log] == [("ERROR", True)]

    @pytest.mark.parametrize(("trigger", "event"), CASES)
    def test_a_result_goes_nowhere_and_a_generator_is_run(self, deliver, trigger, event):
        ran = []

        def generator(event):
            ran.append(1)
            yield
            ran.append(2)

        async def coroutine(event):
            ran.append(3)
            return object()

        assert deliver(trigger, generator, event) == b"null"
        assert deliver(trigger, coroutine, event) == b"null"
        assert ran == [1, 2, 3]
