"""Batches, and what an event source mapping makes of the answers."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyfn.toolchain.errors import EventFileError
from polyfn_aws.emulator.redrive import Verdict, judge, source_of
from polyfn_aws.settings import AwsSettings

IDS = ("a", "b", "c")


def items(*ids):
    return json.dumps({"batchItemFailures": [{"itemIdentifier": id_} for id_ in ids]}).encode()


@pytest.mark.parametrize(
    "answer",
    [b"", b"null", b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}', b'{"other": 1}'],
)
def test_complete_success(answer):
    assert judge(answer, IDS, ordered=False) == Verdict(())


@pytest.mark.parametrize(
    "answer",
    [
        items(""),
        items(None),
        items("unknown"),
        items("a", "unknown"),
        items("a", ""),
        b'{"batchItemFailures": [{"itemIdentifer": "a"}]}',
        b'{"batchItemFailures": ["a"]}',
        b'{"batchItemFailures": "a"}',
        b'"text"',
        b"[]",
        b"no json",
    ],
)
@pytest.mark.parametrize("ordered", [True, False])
def test_complete_failure(answer, ordered):
    verdict = judge(answer, IDS, ordered=ordered)
    assert verdict.failed == IDS
    assert verdict.whole


def test_partial_failure():
    assert judge(items("c", "a", "a"), IDS, ordered=False).failed == ("a", "c")
    assert judge(items("c", "b"), IDS, ordered=True).failed == ("b", "c")
    assert judge(items("a", "c"), IDS, ordered=True).failed == IDS


@settings(deadline=None)
@given(st.lists(st.sampled_from(IDS)), st.booleans())
def test_known_ids_never_fail_the_whole_batch(ids, ordered):
    verdict = judge(items(*ids), IDS, ordered=ordered)
    assert verdict.whole is None
    assert set(ids) <= set(verdict.failed)
    assert verdict.failed == tuple(id_ for id_ in IDS if id_ in verdict.failed)


def record(id_, count=1):
    return {
        "messageId": id_, "body": id_, "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": str(count), "SentTimestamp": "1"},
    }  # fmt: skip


def kinesis(id_):
    return {
        "eventSource": "aws:kinesis",
        "eventID": f"shard:{id_}",
        "kinesis": {"sequenceNumber": id_, "data": ""},
    }


@pytest.mark.parametrize(
    "event",
    [{}, [], 1, {"Records": []}, {"Records": [1]}, {"Records": [{"eventSource": "aws:s3"}]},
     {"Records": [record("a"), record("a")]}, {"Records": [{"eventSource": "aws:sqs"}]}],
)  # fmt: skip
def test_what_is_no_batch(event):
    assert source_of(event) is None


# Fails a message until its body's number of deliveries is reached; keeps what it was given in its log.
COUNTING = """
    def handler(event, headers):
        batch = [(r["messageId"], r["attributes"]["ApproximateReceiveCount"]) for r in event["Records"]]
        print("batch", batch, flush=True)
        failed = [id for id, count in batch if int(count) < int(id)]
        return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}
    serve(handler)
    """


def test_failed_messages_come_again_with_a_higher_count(bench, run):
    async def work():
        async with bench.emulate(bench.artifact(COUNTING)) as emulator:
            event = {"Records": [record("1"), record("3"), record("2"), record("9")]}
            return await emulator.redrive(json.dumps(event).encode(), 4)

    result = run(work())
    assert [line for line in bench.log if line.startswith("batch")] == [
        "batch [('1', '1'), ('3', '1'), ('2', '1'), ('9', '1')]",
        "batch [('3', '2'), ('2', '2'), ('9', '2')]",
        "batch [('3', '3'), ('9', '3')]",
        "batch [('9', '4')]",
    ]
    assert result.error == "Unhandled"
    assert result.report["succeeded"] == ["1", "3", "2"]
    assert result.report["failed"] == ["9"]
    assert [one["failed"] for one in result.report["deliveries"]] == [
        ["3", "2", "9"],
        ["3", "9"],
        ["9"],
        ["9"],
    ]
    assert all(one["whole"] is None for one in result.report["deliveries"])


def test_the_header_of_a_direct_invocation(bench, run):
    async def work():
        async with bench.emulate(bench.artifact(COUNTING)) as emulator:
            path = "/2015-03-31/functions/function/invocations"
            event = {"Records": [record("1"), record("2")]}
            good = await emulator.http.post(path, json=event, headers={"X-Polyfn-Redrive": "3"})
            none = await emulator.http.post(path, json={}, headers={"X-Polyfn-Redrive": "3"})
            bad = await emulator.http.post(path, json=event, headers={"X-Polyfn-Redrive": "0"})
            return good.json(), none.status_code, bad.status_code

    report, none, bad = run(work())
    assert report["failed"] == []
    assert len(report["deliveries"]) == 2
    assert (none, bad) == (400, 400)


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (
            "{'batchItemFailures': [{'itemIdentifier': 'unknown'}]}",
            "an itemIdentifier names no record of the batch",
        ),
        ("os._exit(1)", "the invocation failed"),
    ],
)
def test_a_whole_batch_comes_again(bench, run, answer, whole):
    async def work():
        async with bench.emulate(bench.artifact(f"serve(lambda event, headers: {answer})")) as emulator:
            event = {"Records": [record("1"), record("2")]}
            return await emulator.redrive(json.dumps(event).encode(), 2)

    result = run(work())
    assert [one["records"] for one in result.report["deliveries"]] == [["1", "2"]] * 2
    assert {one["whole"] for one in result.report["deliveries"]} == {whole}
    assert result.report["failed"] == ["1", "2"]


def test_a_stream_goes_on_from_its_lowest_failure(bench, run):
    async def work():
        source = """
            calls = []
            def handler(event, headers):
                calls.append([r["kinesis"]["sequenceNumber"] for r in event["Records"]])
                return {"batchItemFailures": [{"itemIdentifier": "2"}] if len(calls) == 1 else []}
            serve(handler)
            """
        async with bench.emulate(bench.artifact(source)) as emulator:
            event = {"Records": [kinesis("1"), kinesis("2"), kinesis("3")]}
            return await emulator.redrive(json.dumps(event).encode(), 3)

    result = run(work())
    assert [one["records"] for one in result.report["deliveries"]] == [["1", "2", "3"], ["2", "3"]]
    assert result.error is None
    assert result.report["succeeded"] == ["1", "2", "3"]


def test_the_option_makes_invoke_redrive_batches_and_nothing_else(bench, run):
    async def work():
        async with bench.emulate(bench.artifact(COUNTING), options={"redrive": "2"}) as emulator:
            batch = await emulator.invoke(json.dumps({"Records": [record("1"), record("2")]}).encode())
            return batch, await emulator.invoke(b'{"Records": []}')

    batch, other = run(work())
    assert len(batch.report["deliveries"]) == 2
    assert batch.error is None
    assert "deliveries" not in other.report


def test_reports_are_ignored_where_they_are_not_switched_on(bench, run):
    async def work():
        settings = AwsSettings(partial_batch=False)
        async with bench.emulate(bench.artifact(COUNTING), settings=settings) as emulator:
            return await emulator.redrive(json.dumps({"Records": [record("9")]}).encode(), 3)

    result = run(work())
    assert len(result.report["deliveries"]) == 1
    assert result.report["succeeded"] == ["9"]


@pytest.mark.parametrize("event", [b"{}", b"no json"])
def test_what_is_no_batch_is_refused(bench, run, event):
    async def work():
        async with bench.emulate(bench.artifact(COUNTING)) as emulator:
            await emulator.redrive(event, 2)

    with pytest.raises(EventFileError):
        run(work())


def test_an_answer_nested_too_deeply_fails_the_batch():
    assert judge(b"[" * 100_000, IDS, ordered=False).whole == "the answer is not JSON"
