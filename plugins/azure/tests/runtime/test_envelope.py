"""The host's envelope: read whatever it holds, refused without a crash, answered as the host wants it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.errors import ResultError
from polyfn.http import Headers, Request
from polyfn_azure.runtime import envelope
from polyfn_azure.runtime.envelope import DONE, EnvelopeError, Invocation, answer, parse, read

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


@given(OBJECTS, OBJECTS)
def test_what_the_host_wrote_is_what_is_read(data, metadata):
    raw = json.dumps({"Data": data, "Metadata": metadata}).encode()
    found = parse("f", raw, id="1", host_version="4")
    assert (found.data, found.metadata, found.raw) == (data, metadata, raw)
    assert (found.name, found.id, found.host_version) == ("f", "1", "4")


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_anything_is_an_envelope_or_an_error_of_its_own(raw):
    try:
        found = parse("f", raw)
    except EnvelopeError as error:
        assert (error.code, error.exit_status) == ("PF340", 3)
    else:
        told = json.loads(raw)
        assert found.data == told["Data"]


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"Data":' * 100_000, b'{"Data":{"a":NaN}}', b"\xff\xfe"])
def test_what_is_no_json(raw):
    with pytest.raises(EnvelopeError, match="the envelope is not JSON"):
        parse("f", raw)


def test_metadata_may_be_missing():
    assert parse("f", b'{"Data":{}}').metadata == {}
    assert parse("f", b'{"Data":{},"Metadata":null}').metadata == {}


def test_facts_of_the_headers():
    headers = Headers(
        {"X-Azure-Functions-InvocationId": "5c1a", "x-azure-functions-hostversion": "4.1041.0.0"}
    )
    found = read("f", Request(method="POST", raw_path="/f", headers=headers, body=b'{"Data":{"req":1}}'))
    assert (found.id, found.host_version) == ("5c1a", "4.1041.0.0")


def test_the_value_of_a_binding_is_that_of_its_name_or_the_only_one():
    assert Invocation("f", {"req": 1, "other": 2}, {}).value("req") == 1
    assert Invocation("f", {"mine": 1}, {}).value("req") == 1
    with pytest.raises(EnvelopeError, match="has no 'req', and 2 other values"):
        Invocation("f", {"a": 1, "b": 2}, {}).value("req")


@given(st.dictionaries(st.text().filter(lambda name: name != envelope.RETURN), VALUES, max_size=3), VALUES)
def test_answers_are_read_as_they_were_meant(outputs, value):
    told = json.loads(answer(outputs | {"$return": value}))
    assert told == {"Outputs": outputs or None, "Logs": [], "ReturnValue": value}


def test_an_answer_without_outputs():
    assert json.loads(DONE) == {"Outputs": None, "Logs": [], "ReturnValue": None}
    assert answer(None) == answer({}) == DONE
    with pytest.raises(ResultError):
        answer({"a": object()})
