"""What real hosts have sent, and what others have written after them: every public capture that we know.

Facts are typed anew from the repository and path that each test names, and nothing of their code is here.
"""

import base64
import json
from datetime import UTC, datetime

import pytest

from polyfn import Events, Queue, Schedule, Storage, Stream, Topic
from polyfn.errors import TriggerMismatchError
from polyfn_azure.runtime.envelope import EnvelopeError
from polyfn_azure.samples.encoding import envelope, nested

GUID = "4e773554-f6b7-4ea2-b07d-4c5fd5aba741"
WHEN = datetime(2023, 10, 12, 20, 13, 49, 640002, tzinfo=UTC)
SYS = {"UtcNow": "2023-10-12T20:13:49.640002Z", "RandGuid": GUID}


class TestGeWoScout:
    """AustrianDataLAB/GeWoScout, backend/handler_test.go: sent by a host 4.x on Linux in 2024."""

    def test_the_change_feed(self, azure):
        document = {
            "id": "ArtHabitat_AHProj055_AHFlat681",
            "_partitionKey": "salzburg",
            "roomCount": 2,
            "salePrice": None,
            "createdAt": "2024-04-14T14:30:00Z",
            "_rid": "9TZrALpFOV8KAAAAAAAAAA==",
            "_self": "dbs/9TZrAA==/colls/9TZrALpFOV8=/docs/9TZrALpFOV8KAAAAAAAAAA==/",
            "_etag": '"0000fe06-0000-1500-0000-661c2c970000"',
            "_attachments": "attachments/",
            "_ts": 1713122455,
            "_lsn": 94,
        }
        told = {
            "sys": {"MethodName": "CosmosTrigger", "UtcNow": "2024-04-14T19:21:00.4080539Z", "RandGuid": "d"}
        }
        data = {"documents": azure.nest(azure.nest([document]))}
        (message,) = azure.decode(Stream("db/listings"), data, told, name="CosmosTrigger", stream="cosmosdb")
        assert (message.id, message.sequence, message.payload) == (document["id"], 94, document)
        assert message.time == datetime(2024, 4, 14, 19, 20, 55, tzinfo=UTC)
        assert message.raw == azure.nest(document).encode()

    def test_a_queue_with_its_promoted_and_mangled_fields(self, azure):
        text = azure.nest(
            {
                "scraperId": "viennaHousingScraper002",
                "timestamp": "2024-04-06T15:30:00Z",
                "listings": [{"title": "Modern", "roomCount": 3}],
            }
        )
        promoted = {"scraperId": '"viennaHousingScraper002"', "timestamp": '"04/06/2024 15:30:00"'}
        (message,) = azure.decode(
            Queue("scraper-results"), {"msg": azure.nest(text)}, azure.stored(**promoted)
        )
        assert (message.id, message.attempt) == ("4434c659-815f-434e-a851-f1df7b701f27", 5)
        assert message.attributes["PopReceipt"] == "AgAAAAMAAAAAAAAAVqQNb/ai2gE="
        assert message.payload["timestamp"] == "2024-04-06T15:30:00Z"
        assert message.native["Promoted"]["timestamp"] == "04/06/2024 15:30:00"
        assert message.raw == text.encode()

    def test_our_own_encoding_of_it(self):
        """What this host copied, and how it mangled it, is what the samples do."""
        text = json.dumps(
            {"scraperId": "viennaHousingScraper002", "timestamp": "2024-04-06T15:30:00Z", "listings": []}
        )
        told = envelope("f", {"msg": nested(text)}, {"DequeueCount": nested(5)}, text)["Metadata"]
        assert told["scraperId"] == '"viennaHousingScraper002"'
        assert told["timestamp"] == '"04/06/2024 15:30:00"'
        assert told["DequeueCount"] == "5"
        assert "listings" not in told


class TestCosmosGoHelper:
    """abhirockzz/cosmosdb-go-sdk-helper, functions/trigger/parse_test.go: sent by a host in April 2025."""

    def document(self, name, text, rid, stamp, lsn):
        return {
            "id": name,
            "description": text,
            "_rid": rid,
            "_self": f"dbs/lV8dAA==/colls/lV8dAK7u9cA=/docs/{rid}/",
            "_etag": '"0f007efc-0000-0800-0000-67f5fb920000"',
            "_attachments": "attachments/",
            "_ts": stamp,
            "_lsn": lsn,
        }

    @pytest.mark.parametrize("count", [1, 2])
    def test_documents(self, azure, count):
        documents = [
            self.document("51e0c1b0", "Schedule team meeting", "lV8dAK7u9cCVAAAAAAAAAA==", 1744174180, 161),
            self.document("cfbf42b9", "Update dependencies", "lV8dAK7u9cCWAAAAAAAAAA==", 1744174183, 162),
        ][:count]
        data = {"documents": azure.nest(azure.nest(documents))}
        messages = azure.decode(Stream("tasks/tasks"), data, {"sys": SYS}, stream="cosmosdb")
        assert [message.payload for message in messages] == documents
        assert [message.sequence for message in messages] == [161, 162][:count]
        assert [message.raw for message in messages] == [azure.nest(one).encode() for one in documents]


class TestAzfunc:
    """KarlGW/azfunc, trigger/*_test.go: after real envelopes, the data partly un-nested by hand."""

    TEXT = '{"message":"hello","number":2}'

    def test_a_queue(self, azure):
        told = {
            "DequeueCount": "1",
            "ExpirationTime": "2023-10-12T20:13:49.640002Z",
            "Id": f'"{GUID}"',
            "InsertionTime": "2023-10-12T20:13:49.640002Z",
            "NextVisibleTime": "2023-10-12T20:13:49.640002Z",
            "PopReceipt": '"STRING"',
            "sys": SYS,
            "heyoooo": '"hello"',
        }
        (message,) = azure.decode(Queue("q"), {"queue": self.TEXT}, told)
        assert (message.raw, message.id, message.attempt, message.time) == (self.TEXT.encode(), GUID, 1, WHEN)
        assert message.payload == {"message": "hello", "number": 2}

    def test_service_bus(self, azure):
        told = {
            "MessageReceiver": {},
            "MessageSession": {},
            "MessageActions": {},
            "SessionActions": {},
            "ReceiveActions": {},
            "Client": {
                "FullyQualifiedNamespace": "namespace",
                "IsClosed": False,
                "TransportType": 0,
                "Identifier": f"namespace-{GUID}",
            },
            "DeliveryCount": "1",
            "LockToken": f'"{GUID}"',
            "ExpiresAtUtc": "2023-10-12T20:13:49",
            "ExpiresAt": "2023-10-12T20:13:49+00:00",
            "EnqueuedTimeUtc": "2023-10-12T20:13:49",
            "EnqueuedTime": "2023-10-12T20:13:49+00:00",
            "MessageId": f'"{GUID}"',
            "ContentType": '"application/json"',
            "SequenceNumber": "1",
            "ApplicationProperties": {},
            "UserProperties": {},
            "sys": SYS,
            "message": '"hello"',
        }
        (message,) = azure.decode(Topic("t"), {"queue": self.TEXT}, told)
        assert (message.raw, message.id, message.attempt, message.sequence) == (
            self.TEXT.encode(),
            GUID,
            1,
            1,
        )
        assert (message.time, message.content_type) == (WHEN.replace(microsecond=0), "application/json")
        assert message.source == "namespace"
        assert message.attributes == {"LockToken": GUID, "ExpiresAt": "2023-10-12T20:13:49+00:00"}

    @pytest.mark.parametrize("name", ["timer", "custom"])
    def test_a_timer(self, azure, name):
        stamp = "2023-10-12T20:13:49.640002Z"
        status = {"Last": stamp, "Next": stamp, "LastUpdated": stamp}
        data = {name: {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False}}
        tick = azure.decode(Schedule("0 * * * *"), data, {"sys": SYS}, name="helloTimer")
        assert (tick.schedule, tick.time) == ("helloTimer", WHEN)

    @pytest.mark.parametrize("cloud", [True, False])
    def test_event_grid(self, azure, cloud):
        payload = {"id": GUID, "name": "test"}
        own = {"topic": "topic", "eventType": "created", "eventTime": "2023-10-12T20:13:49.640002Z"}
        own |= {"dataVersion": "1", "metadataVersion": "1"}
        other = {"source": "topic", "specversion": "1.0", "type": "created", "time": own["eventTime"]}
        event = {"id": GUID, "subject": "subject", "data": payload} | (other if cloud else own)
        got = azure.decode(Events("created"), {"event": event}, {"data": payload, "sys": SYS})
        assert (got.id, got.source, got.type, got.subject) == (GUID, "topic", "created", "subject")
        assert (got.time, got.payload) == (WHEN, payload)

    def test_bytes(self, azure):
        """Of data/raw_test.go."""
        (message,) = azure.decode(Queue("q"), {"body": "doYGJpG3z7E="})
        assert message.raw == bytes([118, 134, 6, 38, 145, 183, 207, 177])


class TestOpenTelemetry:
    """open-telemetry/opentelemetry-collector-contrib, receiver/azurefunctionsreceiver: written by hand."""

    def test_logs(self, azure):
        """Of testdata/valid_logs.request.json."""
        partition = {
            "IsCheckpointingAfterInvocation": True,
            "FullyQualifiedNamespace": "test-namespace.servicebus.windows.net",
            "EventHubName": "logs",
            "ConsumerGroup": "test",
            "PartitionId": "3",
        }
        told = {"TriggerPartitionContext": partition}
        (event,) = azure.decode(Stream("logs"), {"logs": '["dmFsaWQ="]'}, told)
        assert (event.raw, event.source) == (b"valid", "test-namespace.servicebus.windows.net")
        assert event.attributes == {"PartitionId": "3", "ConsumerGroup": "test"}
        assert (event.id, event.sequence) == (None, None)

    def test_logs_without_metadata(self, azure):
        """Of testdata/invalid_logs.request.json."""
        (event,) = azure.decode(Stream("logs"), {"logs": '["aW52YWxpZA=="]'})
        assert event.raw == b"invalid"

    def test_several(self, azure):
        """Of internal/transport/decoder_test.go."""
        texts = [b"Message one", b"Message two after delimiter", b"Message three"]
        data = {"logs": json.dumps([base64.b64encode(text).decode() for text in texts])}
        assert [event.raw for event in azure.decode(Stream("logs"), data)] == texts
        assert azure.decode(Stream("logs"), {"logs": "[]"}) == []
        with pytest.raises(EnvelopeError, match="no Base64"):
            azure.decode(Stream("logs"), {"logs": '["Invalid message"]'})


def length(told):
    return len(json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode())


DEFERRED = {
    "Version": "1.0",
    "Source": "AzureStorageBlobs",
    "Content": {"IsEmpty": False, "Length": 99, "MediaType": "application/json"},
    "ContentType": "application/json",
}
URI = '"http://127.0.0.1/account/blog/size-37.txt"'


class TestDeferredBindings:
    """Azure-Samples/functions-custom-handlers-deferred-bindings: 51 observations of a host 4.1048."""

    def test_a_blobs_body(self, azure):
        """Of fixtures.mjs: the body is Base64, without quotes around it in the string."""
        body = "héllo\n".encode()
        told = {"note": "héllo 🌻", "Uri": URI}
        change = azure.decode(Storage("blog"), {"blob": base64.b64encode(body).decode()}, told)
        assert (change.raw, change.key) == (body, "size-37.txt")

    def test_a_blob_that_is_elsewhere(self, azure):
        change = azure.decode(Storage("blog"), {"blob": DEFERRED}, {"Uri": URI})
        assert (change.raw, change.key, change.source) == (b"", "size-37.txt", json.loads(URI))

    def test_one_without_a_uri(self, azure):
        with pytest.raises(EnvelopeError, match="names no blob"):
            azure.decode(Storage("blog"), {"blob": DEFERRED}, {})

    def test_a_queues_message_that_is_elsewhere(self, azure):
        """QueueDeferred of evidence/results.json: nothing says where it is, so it cannot be had."""
        told = DEFERRED | {"Source": "AzureStorageQueues"}
        with pytest.raises(TriggerMismatchError, match="a Storage queue without its content"):
            azure.decode(Queue("q"), {"item": told}, azure.stored())

    def test_the_size_of_a_queues_envelope(self, azure):
        """421 bytes for QueueBody in evidence/results.json, in each of three languages.

        Azurite's receipt is Base64 of 21 characters (such as 10Sep202615:49:041b55), so 28.
        """
        text = "HELLO queue"
        facts = {
            "DequeueCount": nested(1),
            "ExpirationTime": "2026-09-17T15:49:04+00:00",
            "Id": nested(GUID),
            "InsertionTime": "2026-09-10T15:49:04+00:00",
            "NextVisibleTime": "2026-09-10T15:59:04+00:00",
            "PopReceipt": nested(base64.b64encode(b"10Sep202615:49:041b55").decode()),
        }
        made = envelope("QueueBody", {"item": nested(text)}, facts, text)
        made["Metadata"]["sys"]["UtcNow"] = "2026-09-10T15:49:04.1234567Z"
        del made["function"]
        assert length(made) == 421
        (message,) = azure.decode(Queue("q"), made["Data"], made["Metadata"])
        assert (message.raw, message.attempt, message.id) == (b"HELLO queue", 1, GUID)

    @pytest.mark.parametrize(
        ("size", "with_body", "deferred"),
        [(37, 1501, 1601), (1048576, 1399568, 1616), (8388608, 11186276, 1616)],
    )
    def test_the_sizes_of_a_blobs_envelopes(self, size, with_body, deferred):
        """BlobBody and BlobDeferred in Go differ by the value, and by four letters of the function's name.

        Times without their last zeros make a byte of difference between runs.
        """
        values = length(DEFERRED) - length(nested(bytes(size)))
        assert abs(deferred - with_body - values - len("Deferred") + len("Body")) <= 1
