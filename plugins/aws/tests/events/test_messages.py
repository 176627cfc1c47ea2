"""Partial batch responses: which identifiers go back, from every source that takes a report."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Batch, Drop, Message, Queue, Retry, Stream, Topic
from polyfn.errors import PayloadError, PolyfnError, SettlementError, TriggerMismatchError

DONE = b'{"batchItemFailures":[]}'
ARN = "arn:aws:sqs:eu-west-3:444455556666:"


def sqs(*bodies, queue="work", **over):
    return {
        "Records": [
            {
                "messageId": f"m-{index}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1700000000123"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": ARN + queue,
                **over,
            }
            for index, body in enumerate(bodies)
        ]
    }


def kinesis(*bodies):
    return {
        "Records": [
            {
                "eventSource": "aws:kinesis",
                "eventID": f"shardId-0:{100 + index}",
                "eventName": "aws:kinesis:record",
                "eventSourceARN": "arn:aws:kinesis:eu-west-3:444455556666:stream/clicks",
                "kinesis": {
                    "data": base64.b64encode(body.encode()).decode(),
                    "partitionKey": "p",
                    "sequenceNumber": str(100 + index),
                    "approximateArrivalTimestamp": 1700000000.5,
                },
            }
            for index, body in enumerate(bodies)
        ]
    }


def dynamodb(*bodies):
    return {
        "Records": [
            {
                "eventSource": "aws:dynamodb",
                "eventID": f"e{index}",
                "eventName": "INSERT",
                "eventSourceARN": "arn:aws:dynamodb:eu-west-3:4:table/orders/stream/2026-01-01T00:00:00.000",
                "dynamodb": {"Keys": {"id": {"S": body}}, "SequenceNumber": str(100 + index)},
            }
            for index, body in enumerate(bodies)
        ]
    }


def kafka(**partitions):
    """`kafka(p0=["a", "b"], p1=["c"])`: the topic `t`, offsets from 10."""
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:eu-west-3:4:cluster/c/1",
        "records": {
            f"t-{name[1:]}": [
                {
                    "topic": "t",
                    "partition": int(name[1:]),
                    "offset": 10 + index,
                    "timestamp": 1700000000123,
                    "value": base64.b64encode(body.encode()).decode(),
                    "headers": [],
                }
                for index, body in enumerate(bodies)
            ]
            for name, bodies in partitions.items()
        },
    }


def sns(*bodies):
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "Sns": {"MessageId": f"n{index}", "Message": body, "TopicArn": "arn:aws:sns:x:4:news"},
            }
            for index, body in enumerate(bodies)
        ]
    }


def failing(*bad):
    """A handler that fails for these texts, and the list of what it saw."""
    seen = []

    def handler(message: Message):
        text = message.text if message.origin != "orders" else message.payload["Keys"]["id"]["S"]
        seen.append(text)
        if text in bad:
            raise ValueError(text)

    return handler, seen


def reported(told):
    return [item["itemIdentifier"] for item in json.loads(told)["batchItemFailures"]]


def test_case_24_only_the_failed_messages_of_a_queue_come_back(deliver, log):
    handler, seen = failing("b", "d")
    assert reported(deliver(Queue("work"), handler, sqs("a", "b", "c", "d"))) == ["m-1", "m-3"]
    assert seen == ["a", "b", "c", "d"]


def test_success_is_an_empty_list(deliver):
    handler, _ = failing()
    for trigger, event in (
        (Queue("q"), sqs("a")),
        (Stream("s"), kinesis("a")),
        (Stream("s"), dynamodb("a")),
        (Stream("s"), kafka(p0=["a"])),
    ):
        assert deliver(trigger, handler, event) == DONE


def test_a_fifo_queue_stops_at_the_first_failure(deliver, log):
    handler, seen = failing("b")
    told = deliver(Queue("work", concurrency=5), handler, sqs("a", "b", "c", "d", queue="work.fifo"))
    assert reported(told) == ["m-1", "m-2", "m-3"]
    assert seen == ["a", "b"]


@pytest.mark.parametrize("make", [kinesis, dynamodb])
def test_a_shard_is_taken_up_again_at_its_lowest_failure(deliver, log, make):
    handler, seen = failing("b", "c")
    assert reported(deliver(Stream("s"), handler, make("a", "b", "c", "d"))) == ["101"]
    assert seen == ["a", "b"]


def test_kafka_names_the_first_failure_of_each_partition(deliver, log):
    handler, seen = failing("b", "x")
    told = deliver(Stream("t"), handler, kafka(p0=["a", "b", "c"], p1=["d"], p2=["x", "y"]))
    assert reported(told) == [{"partition": "t-0", "offset": 11}, {"partition": "t-2", "offset": 10}]
    assert seen == ["a", "b", "d", "x"]


def test_a_batch_over_several_partitions_is_one_call(deliver, log):
    sizes = []

    def handler(batch: Batch):
        sizes.append(len(batch))
        for message in batch:
            if message.text in "bcd":
                message.fail()

    told = deliver(Stream("t"), handler, kafka(p0=["a", "b", "c"], p1=["d"], p2=["x"]))
    assert sizes == [5]
    assert reported(told) == [{"partition": "t-0", "offset": 11}, {"partition": "t-1", "offset": 10}]


def test_a_batch_handler_settles_its_messages(deliver, log):
    def handler(batch: Batch):
        assert batch.native["Records"]
        for message in batch:
            with message:
                if message.text == "b":
                    raise ValueError
        batch.fail("m-2")

    assert reported(deliver(Queue("q"), handler, sqs("a", "b", "c"))) == ["m-1", "m-2"]


@given(data=st.data(), fifo=st.booleans(), size=st.integers(1, 8))
def test_a_queues_report_names_the_failures_and_nothing_else(deliver, silent, data, fifo, size):
    bad = data.draw(st.sets(st.integers(0, size - 1)))
    handler, _ = failing(*(str(index) for index in bad))
    event = sqs(*(str(index) for index in range(size)), queue="q.fifo" if fifo else "q")
    named = reported(deliver(Queue("q"), handler, event))
    wanted = range(min(bad), size) if bad and fifo else sorted(bad)
    assert named == [f"m-{index}" for index in wanted]


@given(data=st.data(), make=st.sampled_from([kinesis, dynamodb]), size=st.integers(1, 8))
def test_a_shards_report_is_one_identifier_of_the_batch(deliver, silent, data, make, size):
    bad = data.draw(st.sets(st.integers(0, size - 1)))
    handler, _ = failing(*(str(index) for index in bad))
    named = reported(deliver(Stream("s"), handler, make(*(str(index) for index in range(size)))))
    assert named == ([str(100 + min(bad))] if bad else [])


@given(data=st.data(), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), batch=st.booleans())
def test_kafkas_report_has_one_identifier_per_failed_partition(deliver, silent, data, sizes, batch):
    names = {f"p{part}": [f"{part}.{index}" for index in range(size)] for part, size in enumerate(sizes)}
    bad = data.draw(st.sets(st.sampled_from([name for part in names.values() for name in part])))
    one, _ = failing(*bad)

    def every(batch: Batch):
        for message in batch:
            with message:
                one(message)

    named = reported(deliver(Stream("t"), every if batch else one, kafka(**names)))
    wanted = []
    for part, texts in enumerate(names.values()):
        hits = [index for index, text in enumerate(texts) if text in bad]
        wanted += [{"partition": f"t-{part}", "offset": 10 + hits[0]}] if hits else []
    assert named == wanted


def test_case_23_an_exception_in_a_queues_handler_is_reported(deliver, log):
    handler, _ = failing("a")
    assert reported(deliver(Queue("q"), handler, sqs("a"))) == ["m-0"]


def test_case_23_without_reports_any_failure_fails_the_invocation(deliver, log):
    handler, seen = failing("b")
    with pytest.raises(ValueError, match="b"):
        deliver(Queue("q"), handler, sqs("a", "b", "c"), partial_batch=False)
    assert seen == ["a", "b", "c"]
    assert deliver(Queue("q"), handler, sqs("a"), partial_batch=False) == DONE


def test_case_23_a_batch_that_fails_as_a_whole(deliver, log):
    def handler(batch: Batch):
        raise ValueError

    assert reported(deliver(Queue("q"), handler, sqs("a", "b"))) == ["m-0", "m-1"]
    with pytest.raises(ValueError):
        deliver(Queue("q"), handler, sqs("a", "b"), partial_batch=False)


@pytest.mark.parametrize("message_id", ["", None])
def test_case_25_a_message_without_an_id_is_never_reported(deliver, log, message_id):
    handler, _ = failing("a")
    with pytest.raises(SettlementError, match="no identifier"):
        deliver(Queue("q"), handler, sqs("a", messageId=message_id))


def test_case_25_ids_that_are_not_of_the_batch_are_refused_at_once(deliver, log):
    refused = []

    def handler(batch: Batch):
        for stranger in ("m-9", "", None):
            try:
                batch.fail(stranger)
            except SettlementError:
                refused.append(stranger)

    assert deliver(Queue("q"), handler, sqs("a")) == DONE
    assert refused == ["m-9", "", None]


def test_case_25_a_kafka_record_without_a_place_is_never_reported(deliver, log):
    handler, _ = failing("a")
    event = kafka(p0=["a"])
    del event["records"]["t-0"][0]["offset"]
    with pytest.raises(SettlementError):
        deliver(Stream("t"), handler, event)


@pytest.mark.parametrize("trigger", [Queue("q"), Topic("t"), Stream("s")])
def test_case_25_an_empty_batch_is_success_without_a_call(deliver, trigger):
    """As the last invocation of a tumbling window brings it."""

    def handler(batch: Batch):
        raise AssertionError

    assert deliver(trigger, handler, {"Records": [], "isFinalInvokeForWindow": True}) == DONE
    assert deliver(Stream("s"), handler, kafka(p0=[])) == DONE


def test_retry_and_drop(deliver, log):
    def handler(message: Message):
        raise {"r": Retry(after=3), "d": Drop("bad data")}.get(message.text, ValueError())

    assert reported(deliver(Queue("q"), handler, sqs("r", "d", "x"))) == ["m-0", "m-2"]
    assert any(level == "ERROR" and "bad data" in text for level, text, *_ in log)


def test_case_29_no_body_is_logged(deliver, log):
    def handler(message: Message):
        raise ValueError

    deliver(Queue("q"), handler, sqs("4111-1111-1111-1111"))
    deliver(Queue("q"), lambda batch: None, sqs("4111-1111-1111-1111"))
    with pytest.raises(TriggerMismatchError) as raised:
        deliver(Topic("t"), handler, sqs("4111-1111-1111-1111"))
    assert "4111" not in repr(log) + str(raised.value)


class TestTopics:
    def test_any_failure_fails_the_invocation_after_all_were_tried(self, deliver, log):
        handler, seen = failing("a")
        with pytest.raises(ValueError, match="a"):
            deliver(Topic("news"), handler, sns("a", "b"))
        assert seen == ["a", "b"]

    def test_success_is_null(self, deliver):
        assert deliver(Topic("news"), failing()[0], sns("a")) == b"null"

    def test_retry_fails_and_drop_succeeds(self, deliver, log):
        def retry(message: Message):
            raise Retry

        def drop(message: Message):
            raise Drop

        with pytest.raises(Retry):
            deliver(Topic("news"), retry, sns("a"))
        assert deliver(Topic("news"), drop, sns("a")) == b"null"

    def test_a_message_failed_without_an_exception(self, deliver, log):
        def handler(message: Message):
            message.fail()

        with pytest.raises(PolyfnError, match="1 messages failed"):
            deliver(Topic("news"), handler, sns("a"))


@pytest.mark.parametrize(
    ("trigger", "event", "came", "takes"),
    [
        (Queue("orders"), sns("a"), "an SNS notification", "SQS"),
        (Topic("news"), sqs("a"), "a batch of SQS messages", "SNS"),
        (Stream("clicks"), sqs("a"), "a batch of SQS messages", "Kinesis"),
        (Queue("orders"), kafka(p0=["a"]), "a batch of Kafka records", "SQS"),
        (Queue("orders"), {"name": "x"}, "a JSON object", "SQS"),
        (Queue("orders"), "text", "other JSON", "SQS"),
        (Queue("orders"), {"Records": [{"eventSource": "aws:s3"}]}, "an S3 event notification", "SQS"),
        (Queue("orders"), {"eventSource": "aws:sqs", "body": "bare"}, "a JSON object", "SQS"),
    ],
)
def test_what_was_not_declared_is_named(deliver, trigger, event, came, takes):
    with pytest.raises(TriggerMismatchError) as raised:
        deliver(trigger, failing()[0], event)
    text = str(raised.value)
    assert text.startswith(came)
    assert repr(trigger) in text
    assert takes in text


def test_a_payload_that_is_not_json(deliver):
    for body, content_type in ((b"{", "application/json"), (b"{}", "text/plain")):
        with pytest.raises(PayloadError):
            deliver(Queue("q"), failing()[0], body, content_type=content_type)
