"""Batches as SQS, SNS, Kinesis, DynamoDB and Kafka would deliver them."""

from __future__ import annotations

from typing import Any

from polyfn_aws.samples.facts import ACCOUNT, EPOCH, ID, REGION, Made, arn, base64_of, example, text


def queue(trigger: dict[str, Any], data: Any | None) -> Made:
    """Return batches of one SQS message, standard and FIFO."""
    name = str(trigger.get("name") or "queue").removesuffix(".fifo")
    fifo = _sqs(f"{name}.fifo", data)
    fifo["attributes"] |= {
        "MessageGroupId": "group-1",
        "MessageDeduplicationId": "1",
        "SequenceNumber": "18892967456768000000",
    }
    return [("sqs", {"Records": [_sqs(name, data)]}), ("sqs-fifo", {"Records": [fifo]})]


def _sqs(name: str, data: Any | None) -> dict[str, Any]:
    return {
        "messageId": ID,
        "receiptHandle": "AQEBexample",
        "body": text(data),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(EPOCH * 1000),
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": str(EPOCH * 1000 + 12),
        },
        "messageAttributes": {},
        "md5OfBody": "00000000000000000000000000000000",
        "eventSource": "aws:sqs",
        "eventSourceARN": arn("sqs", name),
        "awsRegion": REGION,
    }


def topic(trigger: dict[str, Any], data: Any | None) -> Made:
    """Return one SNS notification."""
    topic = arn("sns", str(trigger.get("name") or "topic"))
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{topic}:{ID}",
        "Sns": {
            "Type": "Notification",
            "MessageId": ID,
            "TopicArn": topic,
            "Subject": None,
            "Message": text(data),
            "Timestamp": "2026-01-15T06:00:00.000Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertUrl": "EXAMPLE",
            "UnsubscribeUrl": "EXAMPLE",
            "MessageAttributes": {},
        },
    }
    return [("sns", {"Records": [record]})]


def stream(trigger: dict[str, Any], data: Any | None) -> Made:
    """Return batches of one Kinesis, DynamoDB and Kafka record."""
    name = str(trigger.get("name") or "stream")
    return [
        ("kinesis", {"Records": [_kinesis(name, data)]}),
        ("dynamodb", {"Records": [_dynamodb(name, data)]}),
        ("kafka", _kafka(name, data)),
    ]


def _kinesis(name: str, data: Any | None) -> dict[str, Any]:
    sequence = "49590338271490256608559692538361571095921575989136588898"
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "key-1",
            "sequenceNumber": sequence,
            "data": base64_of(text(data)),
            "approximateArrivalTimestamp": float(EPOCH),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000006:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/function",
        "awsRegion": REGION,
        "eventSourceARN": arn("kinesis", f"stream/{name}"),
    }


def _dynamodb(name: str, data: Any | None) -> dict[str, Any]:
    item = example(data)
    image = {"id": {"S": "1"}} | (_attribute(item)["M"] if isinstance(item, dict) else {})
    return {
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": float(EPOCH),
            "Keys": {"id": image["id"]},
            "NewImage": image,
            "SequenceNumber": "4421584500000000017450439091",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": arn("dynamodb", f"table/{name}/stream/2026-01-01T00:00:00.000"),
    }


def _attribute(value: Any) -> dict[str, Any]:
    """Write a value as DynamoDB does, with its type."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return {"N": str(value)}
    if isinstance(value, dict):
        return {"M": {str(key): _attribute(item) for key, item in value.items()}}
    if isinstance(value, list):
        return {"L": [_attribute(item) for item in value]}
    return {"S": str(value)}


def _kafka(name: str, data: Any | None) -> dict[str, Any]:
    record = {
        "topic": name,
        "partition": 0,
        "offset": 15,
        "timestamp": EPOCH * 1000,
        "timestampType": "CREATE_TIME",
        "key": base64_of("key-1"),
        "value": base64_of(text(data)),
        "headers": [],
    }
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": arn("kafka", f"cluster/example/{ID}-4"),
        "bootstrapServers": f"b-1.example.kafka.{REGION}.amazonaws.com:9092",
        "records": {f"{name}-0": [record]},
    }
