"""Queues, topics and streams: records into messages, failures into a partial batch response.

The rules of the response, as AWS documents them ("Handling errors for an SQS event source",
"Configuring partial batch response with Kinesis / DynamoDB / Kafka"):

- An empty list is success. An unknown, empty or null identifier fails the whole batch, so every one
  is checked against the batch before it is sent.
- SQS: each failed `messageId`. On a FIFO queue the first failure and everything behind it.
- Kinesis, DynamoDB: the lowest failed sequence number; Lambda takes up again from there.
- Kafka: the first failed offset of each partition.
- SNS, ActiveMQ, RabbitMQ: there is no report; any failure fails the invocation, for all messages.

A report that names every message is still a report: Lambda counts no error, and sends all again.
"""

from polyfn.runtime import json
from polyfn_aws.runtime.verify import mismatch, source_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from polyfn.context import Context
    from polyfn.events import Message
    from polyfn.invoke import Invoker
    from polyfn_aws.runtime.dispatch import Serve

ALL_DONE = b'{"batchItemFailures":[]}'


class Delivery:
    """One invocation's messages.

    `groups` are the runs of messages among which order counts, in the order of arrival: one for a
    queue or a shard, one per partition for Kafka. `ordered` says that a failure stops its group.
    `identify` gives a message's identifier in a report, None where the source takes no report;
    `first_only` says that it names only where each group is to be taken up again.
    """

    __slots__ = ("first_only", "groups", "identify", "ordered")

    def __init__(
        self,
        groups: "list[list[Message[Any]]]",
        *,
        identify: "Callable[[Message[Any]], Any] | None" = None,
        ordered: bool = False,
        first_only: bool = False,
    ) -> None:
        self.groups = groups
        self.identify = identify
        self.ordered = ordered
        self.first_only = first_only


def server(invoker: "Invoker", settings: "dict[str, object]") -> "Serve":
    """Return what serves a function with a Queue, Topic or Stream trigger."""
    kind = invoker.declaration.trigger.kind
    module = __import__(f"polyfn_aws.runtime.{kind}s", fromlist=["SOURCES"])
    sources: dict[str, Callable[[Any], Delivery]] = module.SOURCES
    takes: str = module.TAKES
    partial = settings.get("partial_batch") is not False

    def serve(event: "Any", context: "Context") -> bytes:
        decode = sources.get(source_of(event) or "")
        if decode is None:
            if _is_empty(event):
                return ALL_DONE
            raise mismatch(event, repr(invoker.declaration.trigger), takes)
        delivery = decode(event)
        if not delivery.groups:
            return ALL_DONE
        failed = _deliver(invoker, delivery, context, event)
        if not failed:
            return b"null" if delivery.identify is None else ALL_DONE
        if delivery.identify is None or not partial:
            raise _whole(failed)
        return json.dumps({"batchItemFailures": _report(delivery, failed)})

    return serve


def _is_empty(event: "Any") -> bool:
    """A batch without records, as the end of a tumbling window brings it."""
    return isinstance(event, dict) and event.get("Records") == []


def _deliver(
    invoker: "Invoker", delivery: Delivery, context: "Context", event: "Any"
) -> "list[Message[Any]]":
    groups = delivery.groups
    if len(groups) == 1:
        return invoker.deliver(groups[0], context, native=event, ordered=delivery.ordered)
    if invoker.binding.level == "batch":
        # One call for all of them. Order holds within each group only, so what is sent again is what
        # failed itself, and the report adds what is behind it in its group.
        every = [message for group in groups for message in group]
        invoker.deliver(every, context, native=event)
        return [message for message in every if message.failed]
    failed: list[Message[Any]] = []
    for group in groups:
        failed += invoker.deliver(group, context, native=event, ordered=delivery.ordered)
    return failed


def _report(delivery: Delivery, failed: "list[Message[Any]]") -> "list[dict[str, Any]]":
    """Return the identifiers to send. Raises SettlementError for a message that cannot be named."""
    from polyfn.errors import SettlementError

    marked = {id(message) for message in failed}
    chosen: list[Message[Any]] = []
    known = 0
    for group in delivery.groups:
        hits = [message for message in group if id(message) in marked]
        known += len(hits)
        chosen += hits[:1] if delivery.first_only else hits
    identify = delivery.identify
    assert identify is not None
    names = [identify(message) for message in chosen]
    if known != len(marked) or not all(names):
        raise SettlementError(
            f"{len(failed)} messages failed and some have no identifier in this batch: all are sent again",
            hint="Lambda retries a whole batch for one identifier that it does not know",
        )
    return [{"itemIdentifier": name} for name in names]


def _whole(failed: "list[Message[Any]]") -> BaseException:
    """What fails the invocation: the first failure. All of them are in the log."""
    error = failed[0].error
    if error is not None:
        from polyfn_aws.runtime import logs

        logs.told = error
        return error
    from polyfn.errors import PolyfnError

    return PolyfnError(f"{len(failed)} messages failed; the whole delivery is sent again")


def records_of(event: "Any") -> "list[dict[str, Any]]":
    """The records of a batch. EventBridge Pipes delivers the bare list."""
    records: list[dict[str, Any]] = event if isinstance(event, list) else event["Records"]
    return records
