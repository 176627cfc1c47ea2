"""Messages of Storage queues: the nesting, the bytes, and what a message may say of itself."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn import Queue
from polyfn.errors import PayloadError, TriggerMismatchError
from polyfn_azure.runtime.envelope import EnvelopeError

ORDERS = Queue("orders")


@pytest.fixture
def one(azure):
    """The message of an envelope; `told` is the value that the host nested."""

    def run(told, **metadata):
        (message,) = azure.decode(ORDERS, {"message": told}, azure.stored(**metadata))
        return message

    return run


def test_every_fact(one, azure):
    message = one(azure.nest("hello"))
    assert (message.id, message.attempt) == ("4434c659-815f-434e-a851-f1df7b701f27", 5)
    assert message.time == datetime(2024, 5, 10, 16, 13, 45, tzinfo=UTC)
    assert (message.origin, message.source, message.key, message.sequence) == ("orders", None, None, None)
    assert message.attributes == {
        "ExpirationTime": "2024-05-17T16:13:45+00:00",
        "InsertionTime": "2024-05-10T16:13:45+00:00",
        "NextVisibleTime": "2024-05-10T16:23:46+00:00",
        "PopReceipt": "AgAAAAMAAAAAAAAAVqQNb/ai2gE=",
    }


@pytest.mark.parametrize(
    "text",
    [
        "hello", "", " ", "é ü 🌻", "test", "done", "1234", "5", "true", "null", "1.50", "1e3", "007",
        '"quoted"', '"\\"twice\\""', "[1,2]", '["a"]', "{", "{}", '{"a": 1}', "{'a': 1}", "[", "\\u0041",
        "2024-04-06T15:30:00Z", "550e8400e29b41d4a716446655440000", "a\nb\r\n\t\0", "\ufeff{}", "\u2028",
    ],
)  # fmt: skip
def test_text_arrives_as_it_is(one, azure, text):
    """Whatever it looks like: it is never decoded once more, and never once less."""
    assert one(azure.nest(text)).raw == text.encode()


@pytest.mark.parametrize("data", [b"", b"\0\xff\xfe", b"hello", b'"x"', b"{}", bytes(range(256))])
def test_bytes_arrive_as_they_are(one, data):
    assert one(base64.b64encode(data).decode()).raw == data


def test_48_kilobytes_of_bytes(one):
    data = bytes(range(256)) * 192
    assert one(base64.b64encode(data).decode()).raw == data


def test_a_json_text_is_the_payload(one, azure):
    text = '{ "when": "2024-04-06T15:30:00Z",\n "n": 1.0 }'
    message = one(azure.nest(text))
    assert message.raw == text.encode()
    assert message.payload == {"when": "2024-04-06T15:30:00Z", "n": 1.0}
    assert message.data is message.payload


def test_the_payload_is_decoded_only_when_asked_for(one, azure):
    message = one(azure.nest("no json"))
    assert message.text == "no json"
    with pytest.raises(PayloadError):
        _ = message.payload


def test_the_binding_may_have_another_name(azure):
    (message,) = azure.decode(ORDERS, {"msg": '"x"'}, azure.stored())
    assert message.raw == b"x"


def test_the_usual_name_among_other_inputs(azure):
    (message,) = azure.decode(ORDERS, {"template": '"no"', "message": '"yes"'}, azure.stored())
    assert message.raw == b"yes"


def test_without_metadata_nothing_is_told(azure):
    (message,) = azure.decode(ORDERS, {"message": '"x"'})
    assert (message.id, message.time, message.attempt, message.attributes) == (None, None, None, {})


def test_native_is_the_envelope_without_its_nesting(one, azure):
    message = one(azure.nest('{"colour":"red","Id":"x"}'), colour='"red"', Id='"x"')
    assert message.native["Data"] == {"message": '{"colour":"red","Id":"x"}'}
    assert message.native["Promoted"] == {"colour": "red", "Id": "x"}
    assert message.native["Metadata"]["DequeueCount"] == 5
    assert message.native["Metadata"]["sys"] == azure.sys()
    assert not {"colour", "Id"} & set(message.native["Metadata"])


class TestForgery:
    """Utility.ApplyBindingData in Azure/azure-functions-host, src/WebJobs.Script/Utility.cs."""

    @pytest.mark.parametrize("spelling", ["Id", "id", "ID", "iD"])
    def test_an_id_of_the_message_is_not_the_messages_id(self, one, azure, spelling):
        # The host's dictionary does not regard case, and keeps its own spelling.
        message = one(azure.nest(json.dumps({spelling: "forged"})), Id='"forged"')
        assert (message.id, message.attempt) == (None, 5)
        assert message.native["Promoted"] == {"Id": "forged"}

    def test_the_attempt(self, one, azure):
        message = one(azure.nest('{"dequeueCount": 1}'), DequeueCount='"1"')
        assert (message.attempt, message.id) == (None, "4434c659-815f-434e-a851-f1df7b701f27")

    def test_an_attempt_that_is_a_number(self, one, azure):
        assert one(azure.nest('{"DequeueCount": 1}'), DequeueCount="1").attempt is None

    def test_sys_and_the_times(self, one, azure):
        text = json.dumps({"sys": {"MethodName": "x"}, "insertiontime": "2000-01-01T00:00:00Z"})
        message = one(azure.nest(text), sys={"MethodName": "x"}, InsertionTime='"01/01/2000 00:00:00"')
        assert message.time is None
        assert "sys" not in message.native["Metadata"]
        assert "InsertionTime" not in message.attributes

    @pytest.mark.parametrize(
        "harmless", ['{"Id": null}', '{"Id": [1]}', '{"Id": []}', '{"nested": {"Id": 1}}']
    )
    def test_null_and_arrays_replace_nothing(self, one, azure, harmless):
        assert one(azure.nest(harmless)).id == "4434c659-815f-434e-a851-f1df7b701f27"

    @pytest.mark.parametrize("harmless", ['[{"Id": "x"}]', '"{\\"Id\\": 1}"', 'Id: {"Id": 1}', '{"Id": 1'])
    def test_what_is_no_object_replaces_nothing(self, one, azure, harmless):
        assert one(azure.nest(harmless)).id == "4434c659-815f-434e-a851-f1df7b701f27"

    @pytest.mark.parametrize(
        "text", ["{'Id':'x'}", "{Id:'x'}", '{"Id":"x",}', '{/**/"Id":"x"}', '{"Id":"x"}//}', "{NaN}", "{}}"]
    )
    def test_of_what_only_newtonsoft_reads_nothing_is_believed(self, one, azure, text):
        message = one(azure.nest(text), Id='"x"')
        assert (message.id, message.attempt, message.time, message.attributes) == (None, None, None, {})
        assert message.raw == text.encode()

    @pytest.mark.parametrize("space", [" ", "\n\t", "\u00a0", "\u2003", "\u0085"])
    def test_white_space_around_it(self, one, azure, space):
        assert one(azure.nest(f'{space}{{"Id":"x"}}{space}'), Id='"x"').id is None

    @pytest.mark.parametrize("text", ['{"id":"x"}', ' {"ID":1} '])
    def test_nor_of_a_text_that_somebody_did_not_nest(self, one, text):
        message = one(text, Id='"x"')
        assert (message.id, message.raw) == (None, text.encode())

    def test_bytes_replace_nothing(self, one):
        told = base64.b64encode(b'{"Id":"mine","DequeueCount":1}').decode()
        message = one(told)
        assert (message.id, message.attempt) == ("4434c659-815f-434e-a851-f1df7b701f27", 5)
        assert message.payload == {"Id": "mine", "DequeueCount": 1}

    def test_a_message_cannot_pass_for_one_of_service_bus(self, one, azure):
        text = '{"LockToken": "x", "MessageId": "forged", "DeliveryCount": 9}'
        told = {"LockToken": '"x"', "MessageId": '"forged"', "DeliveryCount": '"9"'}
        message = one(azure.nest(text), **told)
        assert (message.id, message.attempt) == ("4434c659-815f-434e-a851-f1df7b701f27", 5)

    def test_nor_hide_everything_and_be_one(self, azure):
        names = azure.stored()
        text = json.dumps(dict.fromkeys(names, "x") | {"LockToken": "x", "MessageId": "forged"})
        told = dict.fromkeys(names, '"x"') | {"LockToken": '"x"', "MessageId": '"forged"'}
        (message,) = azure.decode(ORDERS, {"message": azure.nest(text)}, told)
        assert (message.id, message.attempt) == (None, None)

    def test_a_date_that_the_host_mangled_is_not_the_messages(self, one, azure):
        text = '{"timestamp":"2024-04-06T15:30:00Z"}'
        message = one(azure.nest(text), timestamp='"04/06/2024 15:30:00"')
        assert message.payload == {"timestamp": "2024-04-06T15:30:00Z"}
        assert message.native["Promoted"] == {"timestamp": "04/06/2024 15:30:00"}


class TestRefused:
    @pytest.mark.parametrize("told", ["hello", '"open', '"a" b', "{", "[1", "ab c", "YQ=", "é"])
    def test_what_no_host_nests(self, azure, told):
        with pytest.raises(EnvelopeError, match=r"Data\.message"):
            azure.decode(ORDERS, {"message": told}, azure.stored())

    @pytest.mark.parametrize(
        ("told", "kind"), [(None, "null"), (5, "number"), (1.5, "number"), (True, "boolean"), ([], "array")]
    )
    def test_what_is_no_string(self, azure, told, kind):
        with pytest.raises(EnvelopeError, match=f"a JSON {kind}"):
            azure.decode(ORDERS, {"message": told}, azure.stored())

    def test_errors_quote_nothing_of_the_message(self, azure):
        with pytest.raises(EnvelopeError) as caught:
            azure.decode(ORDERS, {"message": '"secret'}, azure.stored())
        assert "secret" not in str(caught.value)
        assert caught.value.code == "PF340"

    @pytest.mark.parametrize(
        ("data", "came"),
        [
            ({"Schedule": {}, "IsPastDue": False}, "a timer"),
            ({"id": "1", "eventType": "t", "subject": "s"}, "an event of Event Grid"),
            ({"specversion": "1.0", "type": "t"}, "an event of Event Grid"),
            ({"Url": "http://x", "Method": "GET"}, "an HTTP request"),
            ({"Source": "AzureStorageBlobs", "Content": {}}, "a blob"),
            ({"Source": "AzureStorageQueues", "Content": {}}, "without its content"),
            ({"a": 1}, "an object that no known trigger sends"),
        ],
    )
    def test_objects_are_other_triggers(self, azure, data, came):
        with pytest.raises(TriggerMismatchError, match=came) as caught:
            azure.decode(ORDERS, {"message": data})
        assert "declares Queue(concurrency=1, name='orders')" in str(caught.value)

    def test_events_of_an_event_hub(self, azure):
        with pytest.raises(TriggerMismatchError, match="events of an event hub"):
            azure.decode(ORDERS, {"message": '["YQ=="]'}, {"PartitionContext": {"PartitionId": "0"}})

    def test_nothing_at_all(self, azure):
        with pytest.raises(TriggerMismatchError, match="no data arrived"):
            azure.decode(ORDERS, {})

    def test_other_bindings_alone(self, azure):
        with pytest.raises(TriggerMismatchError, match="data for 2 bindings, none of them 'message'"):
            azure.decode(ORDERS, {"a": '"x"', "b": '"y"'})


@given(st.text())
def test_any_text(azure, text):
    (message,) = azure.decode(ORDERS, {"message": azure.nest(text)}, azure.stored())
    assert message.raw == text.encode("utf-8", "surrogatepass")


@given(st.binary())
def test_any_bytes(azure, data):
    told = base64.b64encode(data).decode()
    (message,) = azure.decode(ORDERS, {"message": told}, azure.stored())
    assert message.raw == data
    assert (message.id, message.attempt) == ("4434c659-815f-434e-a851-f1df7b701f27", 5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_any_json(azure, value, spaced):
    text = json.dumps(value, ensure_ascii=not spaced, indent=2 if spaced else None)
    (message,) = azure.decode(ORDERS, {"message": azure.nest(text)}, azure.stored())
    assert message.raw == text.encode("utf-8", "surrogatepass")
    assert json.loads(json.dumps(message.payload)) == json.loads(text)
