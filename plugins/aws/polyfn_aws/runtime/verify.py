"""What an event is, by its structure: used to verify what a trigger declares, never to choose one.

The markers are the parts of an envelope that its sender always writes and that a caller's own data
has no reason to carry together: an HTTP envelope needs its whole request context, so that an object
with `body`, `headers` or `httpMethod` is still the caller's own. Key names are as documented in
"Using AWS Lambda with other services" and observed in the events that AWS and its libraries publish.
"""

from polyfn.errors import TriggerMismatchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The forms of HTTP event; also what the setting `stream` names.
REST = "rest"
HTTP_API = "http-api"
FUNCTION_URL = "function-url"
ALB = "alb"

#: What API Gateway writes, besides strings, into the request context of every event of format 1.0.
_REST_CONTEXT = ("identity", "resourceId", "resourcePath")


def http_form(event: "Any") -> str | None:
    """Tell which HTTP envelope this is: `rest`, `http-api`, `function-url`, `alb`, or None for none.

    Authorizer requests, WebSocket and VPC Lattice events look alike and are none: they want other
    replies.
    """
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return None
    if "http" in context:
        return _second_format(event, context)
    if not _strings(event, "httpMethod", "path"):
        return None
    balancer = context.get("elb")
    if isinstance(balancer, dict):
        arn = balancer.get("targetGroupArn")
        return ALB if isinstance(arn, str) and arn.startswith("arn:") else None
    return REST if _is_rest(event, context) else None


def _second_format(event: "dict[str, Any]", context: "dict[str, Any]") -> str | None:
    http = context["http"]
    known = (
        event.get("version") == "2.0"
        and _strings(event, "rawPath")
        and isinstance(event.get("isBase64Encoded"), bool)
        and isinstance(http, dict)
        and _strings(http, "method", "path")
        and _strings(context, "apiId", "requestId")
    )
    if not known:
        return None
    domain = context.get("domainName")
    return FUNCTION_URL if isinstance(domain, str) and ".lambda-url." in domain else HTTP_API


def _is_rest(event: "dict[str, Any]", context: "dict[str, Any]") -> bool:
    return (
        _strings(event, "resource")
        and _strings(context, "httpMethod", "apiId", "stage")
        and all(name in context for name in _REST_CONTEXT)
        and isinstance(context["identity"], dict)
        and "connectionId" not in context
        and "methodArn" not in event
    )


def _strings(holder: "dict[str, Any]", *names: str) -> bool:
    return all(isinstance(holder.get(name), str) for name in names)


#: The `eventSource` of records and batches, in the words of messages.
_SOURCES = {
    "aws:sqs": "a batch of SQS messages",
    "aws:sns": "an SNS notification",
    "aws:s3": "an S3 event notification",
    "aws:kinesis": "a batch of Kinesis records",
    "aws:dynamodb": "a batch of DynamoDB stream records",
    "aws:kafka": "a batch of Kafka records",
    "SelfManagedKafka": "a batch of Kafka records",
    "aws:SelfManagedKafka": "a batch of Kafka records",
    "aws:ses": "an SES event",
    "aws:mq": "a batch of ActiveMQ messages",
    "aws:amq": "a batch of ActiveMQ messages",
    "aws:rmq": "a batch of RabbitMQ messages",
    "aws:docdb": "a batch of DocumentDB changes",
    "aws:codecommit": "a CodeCommit event",
}
_HTTP = {
    REST: "an API Gateway REST request",
    HTTP_API: "an API Gateway HTTP API request",
    FUNCTION_URL: "a Function URL request",
    ALB: "a load balancer (ALB) request",
}


#: Where the batches that name their source themselves keep their records.
_BATCHES = ("records", "messages", "rmqMessagesByQueue", "events")


def source_of(event: "Any") -> str | None:
    """Return the `eventSource` that a batch or its first record names, or None."""
    if isinstance(event, dict):
        named = event.get("eventSource")
        if isinstance(named, str):
            # A single record names its source as well, but no source sends one bare.
            return named if any(name in event for name in _BATCHES) else None
        event = event.get("Records")
    # EventBridge Pipes delivers the bare list of records.
    if isinstance(event, list) and event and isinstance(event[0], dict):
        named = event[0].get("eventSource") or event[0].get("EventSource")
        return named if isinstance(named, str) else None
    return None


def what_came(event: "Any") -> str | None:
    """Name what an AWS service sent, in words for a message; None for what none of them sends."""
    form = http_form(event)
    if form is not None:
        return _HTTP[form]
    source = source_of(event)
    if source is not None:
        return _SOURCES.get(source)
    if not isinstance(event, dict):
        return None
    context = event.get("requestContext")
    if isinstance(context, dict) and "connectionId" in context:
        return "an API Gateway WebSocket event"
    if isinstance(context, dict) and "serviceNetworkArn" in context:
        return "a VPC Lattice request"
    if _strings(event, "raw_path", "method") and "is_base64_encoded" in event:
        return "a VPC Lattice request"
    if event.get("type") in ("REQUEST", "TOKEN") and ("methodArn" in event or "routeArn" in event):
        return "an API Gateway authorizer request"
    if is_bus_event(event):
        return "a schedule's event" if is_tick(event) else "an EventBridge event"
    return None


def is_bus_event(event: "Any") -> bool:
    """Whether this is EventBridge's envelope."""
    return isinstance(event, dict) and _strings(event, "id", "source", "detail-type") and "detail" in event


def is_tick(event: "dict[str, Any]") -> bool:
    """Whether a bus event is what a scheduled rule, or EventBridge Scheduler by default, sends."""
    return event["detail-type"] == "Scheduled Event" and event["source"] in ("aws.events", "aws.scheduler")


def mismatch(event: "Any", declared: str, expected: str) -> TriggerMismatchError:
    """Return the error for an event that is not what the trigger declares.

    `declared` is the trigger as its author wrote it, `expected` what it takes on Lambda. The event's
    own keys and values stay out of it: they may be somebody's data.
    """
    came = what_came(event)
    if came is None:
        came = "a JSON object that no known AWS source sends" if isinstance(event, dict) else "other JSON"
    return TriggerMismatchError(
        f"{came} arrived, but the function declares {declared}, which takes {expected}",
        hint="connect the function to the source that its trigger declares, or declare the trigger for "
        "this source",
    )
