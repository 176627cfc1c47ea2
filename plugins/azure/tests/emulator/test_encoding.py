"""The envelope's values, against what others have captured from real hosts and published.

The captures' own facts are typed anew: names, kinds of values, how often each is encoded. Sources:

    GeWoScout    AustrianDataLAB/GeWoScout, backend/handler_test.go: cosmosDBTrigger, host of April 2024
    helper       abhirockzz/cosmosdb-go-sdk-helper, functions/trigger/parse_test.go: the same, April 2025
    azfunc       KarlGW/azfunc, trigger/*_test.go: modelled on envelopes by hand
    otel         opentelemetry-collector-contrib, receiver/azurefunctionsreceiver/testdata: by hand
    deferred     Azure-Samples/functions-custom-handlers-deferred-bindings, evidence/results.json: sizes of
                 bodies that host 4.1048 sent
    host         Azure/azure-functions-host, ScriptInvocationContextExtensionsTests.cs
"""

import json
import re
from base64 import b64decode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn_azure.emulator import facts
from polyfn_azure.emulator.dotnet import base64_of, date_in, dumps, printed, stamp
from polyfn_azure.emulator.encoding import encode, envelope, metadata
from polyfn_azure.emulator.promotion import promoted
from polyfn_azure.emulator.queues import Message

MOMENT = datetime(2024, 5, 17, 16, 13, 45, 640002, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def message(text: str, **changed) -> Message:
    told = {
        "id": "4434d5c5-8a61-4ac7-8d3c-7b0b7d1c2c11", "receipt": "AgAAAAMAAAAAAAAA", "attempt": 5,
        "inserted": MOMENT, "expires": MOMENT, "visible": MOMENT, "raw": text,
    }  # fmt: skip
    return Message(**{**told, **changed})


@pytest.mark.parametrize(("value", "told"), [
    ("abc", '"abc"'), (5, "5"), (True, "true"), (None, "null"), (["a"], '["a"]'), (1.0, "1.0"),
    (b"\x00\xff", "AP8="), ({"a": [1]}, {"a": [1]}), (MOMENT, "2024-05-17T16:13:45+00:00"),
    ('{"a":1}', '"{\\"a\\":1}"'),
])  # fmt: skip
def test_values(value, told):
    assert encode(value) == told


def test_text_of_a_string_as_the_host_tests_it():
    # host: GetHttpScriptInvocationContextValueTest_String, _POCO
    assert encode("stringTest") == '"stringTest"'
    assert encode({"Name": "TestName", "Id": 1234}) == {"Name": "TestName", "Id": 1234}


def test_documents_of_cosmos_are_encoded_three_times():
    # GeWoScout, helper: Data.documents is JSON text of a string that is JSON of an array
    etag = '"0000fe06-0000-1500-0000-661c2c970000"'
    document = {"id": "ArtHabitat_AHProj055_AHFlat681", "roomCount": 2, "salePrice": None, "_etag": etag}
    body = envelope({"documents": encode(json.dumps([document], separators=(",", ":")))}, {})
    # As captured: three backslashes before a quote of the document, seven before one of its _etag.
    assert rb'{"Data":{"documents":"\"[{\\\"id\\\":\\\"ArtHabitat_' in body
    assert rb"\\\"_etag\\\":\\\"\\\\\\\"0000fe06-" in body
    once = json.loads(body)["Data"]["documents"]
    assert json.loads(json.loads(once)) == [document]


def test_sys():
    # GeWoScout: an object that is encoded once; UtcNow has up to seven digits and no zero at their end
    told = metadata(facts.system("CosmosTrigger"))
    assert list(told) == ["sys"]
    assert list(told["sys"]) == ["MethodName", "UtcNow", "RandGuid"]
    assert told["sys"]["MethodName"] == "CosmosTrigger"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z", told["sys"]["UtcNow"])
    # helper: 2025-04-09T04:46:10.723203Z
    assert stamp(datetime(2025, 4, 9, 4, 46, 10, 723200, tzinfo=UTC), zone="Z") == "2025-04-09T04:46:10.7232Z"


def test_metadata_of_a_queue():
    # azfunc, and the reference's capture: numbers are text, text is quoted in it, dates are plain
    told = metadata(facts.of_queue("helloQueue", message("hi"), "hi"), "hi")
    assert list(told) == [
        "DequeueCount", "ExpirationTime", "Id", "InsertionTime", "NextVisibleTime", "PopReceipt", "sys",
    ]  # fmt: skip
    assert told["DequeueCount"] == "5"
    assert told["Id"] == '"4434d5c5-8a61-4ac7-8d3c-7b0b7d1c2c11"'
    assert told["ExpirationTime"] == "2024-05-17T16:13:45+00:00"
    assert told["sys"]["MethodName"] == "helloQueue"


def test_size_of_a_queues_envelope():
    """deferred: host 4.1048 sent 421 bytes for a text of 11 to QueueBody, from Azurite, three times.

    The binding is called item (fixtures.mjs), and Azurite makes such receipts (its getPopReceipt).
    So there are no keys in Metadata but these, and their dates have no fraction; UtcNow's has seven digits.
    """
    text = "queued body"
    receipt = "MTBTZXAyMDI2MTU6NDk6MTNjNmMz"
    known = facts.of_queue("QueueBody", message(text, attempt=1, receipt=receipt), text)
    known["sys"]["UtcNow"] = "2026-09-10T15:49:13.2750001Z"
    body = envelope({"item": encode(text)}, metadata(known, text))
    assert len(body) == 421


def test_fields_of_a_message_win():
    # reference 4.4, azfunc: "heyoooo" beside the queue's own; GeWoScout of May 2024: scraperId, timestamp
    text = json.dumps({
        "scraperId": "s-1", "timestamp": "2024-04-06T15:30:00Z", "Id": "forged",
        "sys": {"MethodName": "forged"},
        "list": [1], "nothing": None, "count": 3, "on": True, "ratio": 1.5,
    })  # fmt: skip
    told = metadata(facts.of_queue("f", message(text), text), text)
    assert told["scraperId"] == '"s-1"'
    assert told["timestamp"] == '"04/06/2024 15:30:00"'
    assert told["Id"] == '"forged"'
    assert told["sys"] == {"MethodName": "forged"}
    assert (told["count"], told["on"], told["ratio"]) == ('"3"', '"True"', '"1.5"')
    assert "list" not in told
    assert "nothing" not in told


def test_fields_are_compared_in_any_case():
    text = '{"id": "forged", "DEQUEUECOUNT": 1}'
    told = metadata(facts.of_queue("f", message(text), text), text)
    assert told["Id"] == '"forged"'
    assert told["DequeueCount"] == '"1"'
    assert "id" not in told


@pytest.mark.parametrize("text", ["", "x", "[1]", '["a"]', "{broken}", '"text"', "5", '{"a":1} x'])
def test_other_text_has_no_fields(text):
    assert promoted(text) == {}


def test_many_binary_events_are_an_array_in_a_string():
    # otel: Data.logs is "[\"dmFsaWQ=\"]"
    assert encode(["dmFsaWQ="]) == '["dmFsaWQ="]'
    assert b64decode("dmFsaWQ=") == b"valid"


def test_a_deferred_blob():
    # deferred: contentKeys IsEmpty, Length, MediaType; no name of a container or a blob
    told = facts.deferred(
        "AzureStorageBlobs", facts.blob_reference("AzureWebJobsStorage", "blog/size-37.txt")
    )
    assert list(told["Content"]) == ["IsEmpty", "Length", "MediaType"]
    assert told["Source"] == "AzureStorageBlobs"
    # 1601 bytes for BlobDeferred and 1501 for BlobBody, of a blob of 37 bytes: value and name differ.
    by_value = len(dumps(encode(bytes(37)))) + len("BlobBody")
    assert len(dumps(told)) + len("BlobDeferred") - by_value == 1601 - 1501
    known = facts.of_blob("BlobDeferred", "http://127.0.0.1/account/blog/size-37.txt", {}, {}, {"name": "x"})
    assert metadata(known)["Uri"] == '"http://127.0.0.1/account/blog/size-37.txt"'
    assert "BlobTrigger" not in metadata(known)


def test_a_deferred_message():
    # deferred: 560 bytes for QueueDeferred, 421 for QueueBody; the name is four letters longer
    told = facts.deferred("AzureStorageQueues", facts.queue_reference(message("queued body")))
    assert (
        len(dumps(told)) + len("QueueDeferred") - len(dumps(encode("queued body"))) - len("QueueBody")
        == 560 - 421
    )


@pytest.mark.parametrize(("size", "sent"), [(1 << 20, 1399568), (8 << 20, 11186276)])
def test_a_binary_blob_is_base64(size, sent):
    # deferred: bodies of 1399568 and 11186276 bytes; all but about 1.5 kB of them is the content
    body = envelope({"blob": encode(bytes(size))}, {})
    assert 0 < sent - len(body) < 1600


def test_dates():
    assert str(date_in("2024-04-06T15:30:00.5Z")) == "04/06/2024 15:30:00"
    assert str(date_in("2024-04-06T15:30:00+02:00")) == "04/06/2024 13:30:00"
    assert date_in("2024-04-06T15:30:00.500Z").iso == "2024-04-06T15:30:00.5Z"
    assert date_in("2024-04-06T15:30:00").iso == "2024-04-06T15:30:00"
    for text in ("2024-04-06", "2024-13-06T15:30:00Z", "2024-04-06 15:30:00", "x2024-04-06T15:30:00Z"):
        assert date_in(text) is None


@given(JSON)
def test_what_is_encoded_comes_back(value):
    told = json.loads(envelope({"x": encode(value)}, {}))["Data"]["x"]
    found = told if isinstance(value, dict) else json.loads(told)
    assert found == value


@given(st.binary())
def test_bytes_come_back(value):
    assert b64decode(json.loads(envelope({"x": encode(value)}, {}))["Data"]["x"]) == value
    assert base64_of(encode(value)) == value


@given(st.text())
def test_any_text_can_be_looked_through(text):
    told = metadata(facts.of_queue("f", message(text), text), text)
    json.dumps(told)
    assert told["DequeueCount"] == "5" or "dequeuecount" in text.lower()


@given(st.dictionaries(st.text(min_size=1), JSON, max_size=5))
def test_fields_are_text_or_objects(fields):
    for name, value in promoted(json.dumps(fields)).items():
        assert isinstance(value, str | dict)
        assert not isinstance(fields[name], list)


def test_printing():
    assert printed({}) == "{}"
    assert printed({"a": [1, True]}) == '{\n  "a": [\n    1,\n    true\n  ]\n}'
    assert printed(None) == ""
    assert (printed(True), printed(2.0), printed(0.5)) == ("True", "2", "0.5")
    assert dumps("\u2028ü") == '"\\u2028ü"'
