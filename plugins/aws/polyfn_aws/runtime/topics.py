"""Notifications of topics into messages: SNS."""

from polyfn.events import Message
from polyfn_aws.runtime.attributes import typed
from polyfn_aws.runtime.messages import Delivery, records_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TAKES = "SNS notifications"


def sns(event: "Any") -> Delivery:
    """Decode SNS notifications. SNS retries the invocation, so there is no report per message."""
    return Delivery([[_sns(record) for record in records_of(event)]])


def _sns(record: "dict[str, Any]") -> "Message[Any]":
    told = record["Sns"]
    topic = told.get("TopicArn")
    return Message(
        raw=(told.get("Message") or "").encode("utf-8", "surrogatepass"),
        id=told.get("MessageId"),
        source=topic,
        type=told.get("Type"),
        subject=told.get("Subject"),
        time=told.get("Timestamp"),
        attributes={
            name: typed(attribute, "Type", "Value", "Value")
            for name, attribute in (told.get("MessageAttributes") or {}).items()
        },
        origin=topic.rpartition(":")[2] if topic else None,
        native=record,
    )


SOURCES = {"aws:sns": sns}
