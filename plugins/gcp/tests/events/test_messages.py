"""Topic and Queue: Pub/Sub wrapped, unwrapped and through Eventarc, and tasks of Cloud Tasks."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Batch, Message, Queue, Topic

WHEN = datetime(2026, 1, 15, 6, 0, 0, 123000, UTC)
CAMEL = ("messageId", "publishTime", "orderingKey")
SNAKE = ("message_id", "publish_time", "ordering_key")


class TestWrapped:
    def test_both_spellings(self, see, gcp):
        envelope = gcp.push(b'{"id":7}', attributes={"a": "b"}, orderingKey="k", attempt=3)
        (message,) = see(Topic("news"), Message, gcp.request(envelope))
        assert (message.id, message.time, message.data) == ("m1", WHEN, {"id": 7})
        assert (message.attributes, message.key, message.attempt) == ({"a": "b"}, "k", 3)
        assert (message.source, message.origin) == ("projects/p/subscriptions/orders-sub", None)
        assert (message.type, message.subject, message.content_type) == (None, None, None)
        assert message.native == envelope

    @pytest.mark.parametrize("spelling", [CAMEL, SNAKE])
    def test_one_spelling(self, see, gcp, spelling):
        told = dict(zip(spelling, ("m2", "2026-01-15T06:00:00.123Z", "k"), strict=True))
        envelope = {"message": told | {"data": "e30="}, "subscription": "projects/p/subscriptions/s"}
        (message,) = see(Topic("news"), Message, gcp.request(envelope))
        assert (message.id, message.time, message.key, message.raw) == ("m2", WHEN, "k", b"{}")

    def test_without_data(self, see, gcp):
        (message,) = see(Topic("news"), Message, gcp.request(gcp.push(None, attributes={"only": "this"})))
        assert (message.raw, message.payload, message.attributes) == (b"", None, {"only": "this"})

    def test_without_attempt_and_key(self, see, gcp):
        (message,) = see(Topic("news"), Message, gcp.request(gcp.push()))
        assert (message.attempt, message.key) == (None, None)

    def test_the_context_has_the_attempt(self, gcp):
        seen = []

        def handler(message, context):
            seen.append((context.attempt, context.function))

        gcp.serve({"f": (Topic("news"), handler)})(gcp.request(gcp.push(attempt=4)))
        assert seen == [(4, "f")]

    def test_a_topic_in_the_path(self, see, gcp):
        """Where Pub/Sub's emulator and Cloud Functions of the first generation are pushed to."""
        request = gcp.request(gcp.push(), path="/projects/p/topics/news")
        (message,) = see(Topic("news"), Message, request)
        assert (message.source, message.origin) == ("projects/p/topics/news", "news")

    def test_a_batch_has_one_message(self, gcp):
        seen = []

        def handler(batch: Batch):
            seen.append((len(batch), batch.native))

        gcp.serve({"f": (Topic("news"), handler)})(gcp.request(gcp.push()))
        assert seen == [(1, gcp.push())]

    @pytest.mark.parametrize("data", ["%%%", "e30", "e30=x", "e3 0=", 7, ["e30="], {"a": 1}])
    def test_bad_base64_is_refused(self, gcp, log, data):
        called = []
        serve = gcp.serve({"f": (Topic("news"), lambda event: called.append(event))})
        reply = serve(gcp.request(gcp.push() | {"message": {"data": data, "messageId": "1"}}))
        assert (reply.status, called) == (400, [])
        assert "message.data is no Base64" in log[0][1]

    def test_bad_attributes_are_refused(self, gcp, log):
        reply = gcp.serve({"f": (Topic("news"), lambda event: None)})(
            gcp.request(gcp.push(attributes={"a": 1}))
        )
        assert reply.status == 400

    def test_a_published_cloudevent_is_told(self, see, gcp):
        told = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "//s", "ce-type": "t", "ce-subject": "x"}
        (message,) = see(Topic("news"), Message, gcp.request(gcp.push(attributes=told)))
        assert (message.id, message.type, message.subject) == ("m1", "t", "x")
        assert message.attributes == told

    @given(
        st.binary(),
        st.dictionaries(st.text(min_size=1), st.text()),
        st.text(min_size=1),
        st.integers(1, 100),
    )
    def test_nothing_is_lost(self, see, gcp, data, attributes, key, attempt):
        envelope = gcp.push(data, attributes=attributes, orderingKey=key, attempt=attempt)
        (message,) = see(Topic("news"), Message, gcp.request(envelope))
        assert (message.raw, message.attributes, message.key, message.attempt) == (
            data,
            attributes,
            key,
            attempt,
        )


class TestUnwrapped:
    def test_attributes_are_headers(self, see, gcp):
        headers = gcp.unwrapped(x_goog_pubsub_ordering_key="k", colour="red", content_type="text/plain")
        (message,) = see(Topic("news"), Message, gcp.request(b"\0raw", headers))
        assert (message.raw, message.id, message.time, message.key) == (b"\0raw", "m1", WHEN, "k")
        assert message.attributes == {"colour": "red", "content-type": "text/plain"}
        assert message.content_type == "text/plain"
        assert message.source == "projects/p/subscriptions/orders-sub"

    def test_an_attempt_where_it_is_told(self, see, gcp):
        headers = gcp.unwrapped(x_goog_pubsub_delivery_attempt="5")
        assert see(Topic("news"), Message, gcp.request(b"", headers))[0].attempt == 5

    def test_attributes_do_not_make_it_another_senders(self, see, gcp):
        """A publisher writes attributes, and must not pass for Cloud Tasks with them."""
        headers = gcp.unwrapped(x_cloudtasks_queuename="orders", x_cloudscheduler="true")
        (message,) = see(Queue("orders"), Message, gcp.request(b"", headers))
        assert (message.id, message.origin) == ("m1", "orders-sub")

    def test_a_cloudevent_inside(self, see, gcp):
        (message,) = see(Topic("news"), Message, gcp.request(b"1", gcp.unwrapped() | gcp.binary(subject="s")))
        assert (message.id, message.type, message.subject, message.data) == ("m1", "com.example.made", "s", 1)


class TestEventarc:
    def event(self, gcp, **over):
        headers = gcp.binary(
            type="google.cloud.pubsub.topic.v1.messagePublished",
            source="//pubsub.googleapis.com/projects/p/topics/news",
            time="2026-01-15T06:00:00.123Z",
        )
        return gcp.request(gcp.push(b'{"id":7}', attributes={"a": "b"}) | over, headers)

    def test_the_message_inside(self, see, gcp):
        (message,) = see(Topic("news"), Message, self.event(gcp))
        assert (message.id, message.data, message.attributes) == ("m1", {"id": 7}, {"a": "b"})
        assert (message.source, message.origin, message.type) == ("projects/p/topics/news", "news", None)
        assert message.native.headers["ce-id"] == "e1"

    def test_id_and_time_are_the_events_where_the_message_has_none(self, see, gcp):
        message = {"data": base64.b64encode(b"1").decode()}
        (message,) = see(Topic("news"), Message, self.event(gcp, message=message))
        assert (message.id, message.time, message.data) == ("e1", WHEN, 1)

    @pytest.mark.parametrize("body", [b"no json", b"[]", b"{}", b'{"message":3}'])
    def test_another_body_is_refused(self, gcp, log, body):
        request = gcp.request(body, list(self.event(gcp).headers.items()))
        assert gcp.serve({"f": (Topic("news"), lambda event: None)})(request).status == 400


class TestTasks:
    def test_every_header(self, see, gcp):
        headers = gcp.task(
            taskretrycount="2", taskexecutioncount="1", tasketa="1768456800.123", taskpreviousresponse="503",
            taskretryreason="slow",
        )  # fmt: skip
        headers |= {"content-type": "application/json", "x-mine": "1", "authorization": "Bearer x"}
        (message,) = see(Queue("orders"), Message, gcp.request({"id": 7}, headers))
        assert (message.id, message.origin, message.attempt, message.time) == ("t1", "orders", 3, WHEN)
        assert (message.data, message.content_type) == ({"id": 7}, "application/json")
        assert message.attributes["x-cloudtasks-taskpreviousresponse"] == "503"
        assert message.attributes["x-mine"] == "1"
        assert "authorization" not in message.attributes
        assert message.native.body == b'{"id": 7}'

    @pytest.mark.parametrize(
        "absent",
        ["taskretrycount", "taskexecutioncount", "tasketa", "taskpreviousresponse", "taskretryreason"],
    )
    def test_each_optional_header_may_be_absent(self, see, gcp, absent):
        every = {
            "taskretrycount": "0", "taskexecutioncount": "0", "tasketa": "1768456800.123",
            "taskpreviousresponse": "503", "taskretryreason": "slow",
        }  # fmt: skip
        del every[absent]
        (message,) = see(Queue("orders"), Message, gcp.request(b"{}", gcp.task(**every)))
        assert message.attempt == (None if absent == "taskretrycount" else 1)
        assert message.time == (None if absent == "tasketa" else WHEN)

    def test_only_the_names(self, see, gcp):
        (message,) = see(Queue("orders"), Message, gcp.request(b"", gcp.task()))
        assert (message.attempt, message.time, message.payload) == (None, None, None)

    @pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
    def test_a_task_may_have_any_method(self, see, gcp, method):
        assert see(Queue("orders"), Message, gcp.request(b"", gcp.task(), method=method))

    def test_odd_numbers_are_not_told(self, see, gcp):
        headers = gcp.task(taskretrycount="-1", tasketa="soon")
        (message,) = see(Queue("orders"), Message, gcp.request(b"", headers))
        assert (message.attempt, message.time) == (None, None)


def test_a_subscription_as_a_queue(see, gcp):
    (message,) = see(Queue("orders-sub"), Message, gcp.request(gcp.push()))
    assert (message.id, message.origin) == ("m1", "orders-sub")
