"""Delivers a batch as an event source mapping does: what failed is delivered again.

The rules are those of section "Reporting batch item failures" in the AWS documentation, for SQS and
for the streams of Kinesis and DynamoDB.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polyfn.toolchain.errors import EventFileError
from polyfn.toolchain.provider import Invoked
from polyfn_aws.emulator.invocation import Invocation
from polyfn_aws.emulator.lifecycle import Lifecycle


@dataclass(frozen=True)
class Source:
    """Where the records come from: how one is named, and whether a failure holds up what follows it."""

    key: tuple[str, ...]
    ordered: bool

    def id(self, record: dict[str, Any]) -> str | None:
        """Return what `itemIdentifier` calls this record."""
        value: Any = record
        for name in self.key:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else None


SOURCES = {
    "aws:sqs": Source(("messageId",), ordered=False),
    "aws:kinesis": Source(("kinesis", "sequenceNumber"), ordered=True),
    "aws:dynamodb": Source(("dynamodb", "SequenceNumber"), ordered=True),
}


@dataclass(frozen=True)
class Verdict:
    """Which records of a batch failed, and why all of them did, if so."""

    failed: tuple[str, ...]
    whole: str | None = None


def source_of(event: Any) -> Source | None:
    """Return the source of a batch, or None if the event is no batch that is ever delivered again."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return None
    source = SOURCES.get(str(records[0].get("eventSource")))
    ids = (
        [source.id(record) if isinstance(record, dict) else None for record in records] if source else [None]
    )
    return None if None in ids or len(set(ids)) < len(ids) else source


def is_batch(event: bytes) -> bool:
    """Whether an event is one that `Redrive.run` takes."""
    try:
        return source_of(json.loads(event)) is not None
    except (ValueError, RecursionError):
        return False


def judge(answer: bytes, ids: Sequence[str], *, ordered: bool) -> Verdict:
    """Read a function's answer as the platform does, FunctionResponseTypes being ReportBatchItemFailures."""
    try:
        told = json.loads(answer) if answer.strip() else None
    except (ValueError, RecursionError):
        return Verdict(tuple(ids), "the answer is not JSON")
    if told is None:
        return Verdict(())
    if not isinstance(told, dict):
        return Verdict(tuple(ids), "the answer is not an object")
    items = told.get("batchItemFailures")
    if items is None:
        return Verdict(())
    if not isinstance(items, list):
        return Verdict(tuple(ids), "batchItemFailures is not a list")
    named: set[str] = set()
    for item in items:
        if problem := _problem(item, ids):
            return Verdict(tuple(ids), problem)
        named.add(item["itemIdentifier"])
    failed = [position for position, id_ in enumerate(ids) if id_ in named]
    if ordered and failed:
        # The lowest is the checkpoint: it and everything after it come again.
        return Verdict(tuple(ids[failed[0] :]))
    return Verdict(tuple(ids[position] for position in failed))


def _problem(item: Any, ids: Sequence[str]) -> str | None:
    if not isinstance(item, dict) or "itemIdentifier" not in item:
        return "an item of batchItemFailures has no itemIdentifier"
    told = item["itemIdentifier"]
    if told is None:
        return "an itemIdentifier is null"
    if told == "":
        return "an itemIdentifier is empty"
    if told not in ids:
        return "an itemIdentifier names no record of the batch"
    return None


class Redrive:
    """Delivers batches through a lifecycle.

    Without `partial` the event source mapping ignores what an answer reports.
    """

    def __init__(self, lifecycle: Lifecycle, *, partial: bool = True) -> None:
        self._lifecycle = lifecycle
        self._partial = partial

    async def run(self, event: bytes, attempts: int) -> Invoked:
        """Deliver a batch, and what fails of it again, up to `attempts` deliveries in all.

        The last answer is the payload; `error` is "Unhandled" if records failed to the end. The
        report adds `deliveries` (each: attempt, records, failed, whole, error), `succeeded` and
        `failed` to the figures of the last invocation. Raises EventFileError for what is no batch.
        """
        batch, source = _batch(event)
        records = batch["Records"]
        everything = [source.id(record) for record in records]
        deliveries: list[dict[str, Any]] = []
        last = Invoked(b"")
        while records and len(deliveries) < attempts:
            last, delivery = await self._deliver({**batch, "Records": records}, source)
            deliveries.append({"attempt": len(deliveries) + 1, **delivery})
            records = [_again(record) for record in records if source.id(record) in delivery["failed"]]
        failed = [source.id(record) for record in records]
        succeeded = [id_ for id_ in everything if id_ not in failed]
        report = {**last.report, "deliveries": deliveries, "succeeded": succeeded, "failed": failed}
        return Invoked(last.payload, error="Unhandled" if failed else None, report=report)

    async def _deliver(self, batch: dict[str, Any], source: Source) -> tuple[Invoked, dict[str, Any]]:
        ids = [source.id(record) or "" for record in batch["Records"]]
        invocation = Invocation(payload=json.dumps(batch).encode())
        finished = await self._lifecycle.run(invocation)
        payload, fault = await invocation.reply.payload(), invocation.reply.fault
        if fault is not None:
            verdict = Verdict(tuple(ids), "the invocation failed")
        else:
            verdict = judge(payload, ids, ordered=source.ordered) if self._partial else Verdict(())
        delivery = {
            "records": ids,
            "failed": list(verdict.failed),
            "whole": verdict.whole,
            "error": None if fault is None else fault.type,
        }
        return Invoked(payload, report=finished.report.facts()), delivery


def _batch(event: bytes) -> tuple[dict[str, Any], Source]:
    try:
        batch = json.loads(event)
    except (ValueError, RecursionError) as error:
        raise EventFileError(f"the event is not JSON: {error}") from None
    source = source_of(batch)
    if source is None:
        raise EventFileError(
            "the event is no batch of SQS, Kinesis or DynamoDB records with an id each",
            hint="only what comes from a queue or a stream is delivered again",
        )
    return batch, source


def _again(record: dict[str, Any]) -> dict[str, Any]:
    attributes = record.get("attributes")
    count = attributes.get("ApproximateReceiveCount") if isinstance(attributes, dict) else None
    if not isinstance(attributes, dict) or not str(count).isdigit():
        return record
    return {**record, "attributes": {**attributes, "ApproximateReceiveCount": str(int(str(count)) + 1)}}
