"""Output bindings: what arrives is what was given, whatever it looks like.

`arrives` is what the host makes of an output's value, written from what was read in its source
(GetBindingValue, ReadAsEnumerable, ConvertValueToStream), and not from the encoder.
"""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.errors import ResultError
from polyfn_azure.runtime.outputs import Outputs, declared, encode, is_date

TYPES = {"audit": "queue", "bus": "servicebus", "hub": "eventhub", "file": "blob", "docs": "cosmosdb"}
TRAPS = [
    "", "test", "done", "1234", "true", "null", uuid.uuid5(uuid.NAMESPACE_DNS, "a").hex, "hello, world",
    '{"at": "2024-04-06T15:30:00Z"}', '["a", "b"]', "2024-04-06T15:30:00Z", "2024-04-06", "5", '"x"', "ünï",
    " \n", "YQ==",
]  # fmt: skip


def arrives(value):
    """The messages that a collector is given for a value: base64 first, then JSON, then text."""
    if isinstance(value, list):
        return [item.encode() for item in value]
    try:
        # Convert.FromBase64String skips white space and is strict about all else.
        return [base64.b64decode("".join(value.split()), validate=True)]
    except (binascii.Error, ValueError):
        pass
    try:
        told = json.loads(value)
    except ValueError:
        return [value.encode()]
    return (
        [json.dumps(item).encode() for item in told]
        if isinstance(told, list)
        else [json.dumps(told).encode()]
    )


@pytest.mark.parametrize("text", TRAPS)
@pytest.mark.parametrize("kind", ["queue", "servicebus", "eventhub", "blob", "kafka"])
def test_one_value_arrives_as_it_is(kind, text):
    for value in (text, text.encode(), bytearray(text.encode())):
        assert arrives(encode(value, kind, "o")) == [text.encode()]


def test_the_traps_are_traps():
    """As the naive string they do not arrive, or the test would show nothing."""
    naive = [text for text in TRAPS if arrives(text) != [text.encode()]]
    assert {"test", "1234", "true", '["a", "b"]'} <= set(naive)


@given(st.binary() | st.text(st.characters(exclude_categories=("Cs",))))
def test_any_value_arrives_as_it_is(value):
    raw = value if isinstance(value, bytes) else value.encode()
    assert arrives(encode(value, "queue", "o")) == [raw]
    assert arrives(encode([value], "queue", "o")) == [raw]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs",))).filter(lambda text: not is_date(text)), min_size=2
    )
)
def test_several_messages_arrive_as_they_are(texts):
    for given_ in (texts, tuple(texts), [text.encode() for text in texts]):
        assert arrives(encode(given_, "queue", "o")) == [text.encode() for text in texts]


def test_what_several_messages_cannot_be():
    with pytest.raises(ResultError, match="'audit' has several messages, and one of them is no UTF-8 text"):
        encode([b"\xff", b"a"], "queue", "audit")
    for date in ("2024-04-06T15:30:00Z", "2024-04-06T15:30:00.123+02:00", "/Date(1198908717056)/"):
        with pytest.raises(ResultError, match="one of them is a date and nothing else"):
            encode(["a", date], "queue", "audit")
        assert arrives(encode([date], "queue", "audit")) == [date.encode()]


def test_no_message_at_all():
    assert encode([], "queue", "o") == []


@dataclass
class Entry:
    id: str
    at: int = 1


def test_json_for_whatever_takes_bytes():
    assert arrives(encode({"a": [1]}, "queue", "o")) == [b'{"a":[1]}']
    assert arrives(encode(5, "blob", "o")) == [b"5"]
    assert arrives(encode([1, 2], "blob", "o")) == [b"[1,2]"]
    assert arrives(encode([Entry("a"), {"b": 2}], "queue", "o")) == [b'{"id":"a","at":1}', b'{"b":2}']
    assert arrives(encode(None, "queue", "o")) == [b"null"]


def test_objects_for_whatever_takes_objects():
    assert encode({"id": "a"}, "cosmosdb", "o") == {"id": "a"}
    assert encode([Entry("a"), {"id": "b"}], "eventgrid", "o") == [{"id": "a", "at": 1}, {"id": "b"}]
    for value in ("{}", b"{}", 5, None, ["{}"]):
        with pytest.raises(ResultError, match="which takes JSON objects"):
            encode(value, "cosmosdb", "o")


def test_only_what_is_declared_can_be_written():
    outputs = Outputs("fulfil", {"audit": "queue"})
    with pytest.raises(
        ResultError, match="function 'fulfil' has no output 'adit'; its outputs: audit"
    ) as error:
        outputs["adit"] = "x"
    assert '[tool.polyfn.azure.functions.fulfil] outputs = [{name = "adit"' in error.value.hint
    with pytest.raises(ResultError, match="its outputs: none"):
        Outputs("fulfil", {})["a"] = "x"


def test_outputs_are_a_mapping_that_encodes_at_once():
    outputs = Outputs("fulfil", TYPES)
    value = {"id": "a"}
    outputs["docs"] = value
    outputs["audit"] = "test"
    value["id"] = "b"
    assert outputs.encoded == {"docs": {"id": "a"}, "audit": "dGVzdA=="}
    assert (outputs["audit"], list(outputs), len(outputs), "bus" in outputs) == (
        "test",
        ["docs", "audit"],
        2,
        False,
    )
    outputs["audit"] = "1234"
    del outputs["docs"]
    assert outputs.encoded == {"audit": "MTIzNA=="}
    with pytest.raises(ResultError):
        outputs["audit"] = object()
    assert outputs["audit"] == "1234"
    assert repr(outputs) == "<Outputs audit>"


def test_the_settings_declare_them():
    told = {
        "functions": {"f": {"outputs": [{"name": "a", "type": "cosmosDB"}, {"name": "b", "type": "queue"}]}}
    }
    assert declared("f", told) == {"a": "cosmosdb", "b": "queue"}
    assert declared("g", told) == declared("f", {}) == {}
