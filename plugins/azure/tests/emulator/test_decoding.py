"""What the host makes of outputs: the base64 guess, arrays that fan out, dates that change, and HTTP."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn_azure.emulator.bindings import Binding
from polyfn_azure.emulator.decoding import Unwritable, content, documents, messages
from polyfn_azure.emulator.http_output import response
from polyfn_azure.emulator.outputs import bodies

QUEUE = Binding("out", "queue", "out")
BINARY = Binding("out", "queue", "out", "binary")
BLOB = Binding("out", "blob", "out")


@given(st.binary())
def test_base64_arrives_byte_by_byte(value):
    told = b64encode(value).decode()
    assert messages(QUEUE, told) == [value]
    assert content(BLOB, told) == value


@pytest.mark.parametrize("text", ["test", "done", "1234", "true", "null", "356b6d9a7d894a2b9ea1b276709a761f"])
def test_text_that_happens_to_be_base64_is_destroyed(text):
    assert messages(QUEUE, text) != [text.encode()]
    assert messages(BINARY, text) == [text.encode()]


@pytest.mark.parametrize(("value", "sent"), [
    ("hello world!", [b"hello world!"]),
    ("te st", [b"\xb5\xeb-"]),
    ("", [b""]),
    ('{"a":1}', [b'{\n  "a": 1\n}']),
    ('[1,"b",{"c":null}]', [b"1", b"b", b'{\n  "c": null\n}']),
    (["test", "b", "2024-04-06T15:30:00Z"], [b"test", b"b", b"04/06/2024 15:30:00"]),
    ("2024-04-06T15:30:00Z", [b"04/06/2024 15:30:00"]),
    ({"at": "2024-04-06T15:30:00.000Z"}, [b'{\n  "at": "2024-04-06T15:30:00Z"\n}']),
    (5, [b"5"]), (True, [b"True"]), ([], []),
])  # fmt: skip
def test_messages(value, sent):
    assert messages(QUEUE, value) == sent


def test_a_message_that_only_looks_like_json_fails():
    with pytest.raises(Unwritable):
        messages(QUEUE, "{not json}")


@pytest.mark.parametrize(("value", "written"), [
    (5, b"\x05\x00\x00\x00"), (-1, b"\xff\xff\xff\xff"), (True, b"\x01"), ({"a": 1}, b'{"a":1}'),
    ("hello world!", b"hello world!"), ([1, 2], b"[1,2]"), (1.5, b"\x00\x00\x00\x00\x00\x00\xf8?"),
])  # fmt: skip
def test_blobs(value, written):
    assert content(BLOB, value) == written


def test_a_date_cannot_be_a_blob():
    with pytest.raises(Unwritable):
        content(BLOB, "2024-04-06T15:30:00Z")


def test_documents():
    cosmos = Binding("out", "cosmosdb", "out")
    assert documents(cosmos, {"id": "1"}) == [{"id": "1"}]
    assert documents(cosmos, [{"id": "1"}, {"id": "2"}]) == [{"id": "1"}, {"id": "2"}]
    assert documents(cosmos, '{"id":"1"}') == [{"id": "1"}]
    assert [json.loads(each) for each in bodies(cosmos, {"id": "ü"})] == [{"id": "ü"}]
    for value in (b64encode(b'{"id":"1"}').decode(), "text!", 5, [1]):
        with pytest.raises(Unwritable):
            documents(cosmos, value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_no_value_breaks_it(value):
    for decode in (messages, content, documents):
        try:
            decode(QUEUE, value)
        except Unwritable:
            pass


@pytest.mark.parametrize(("told", "status", "headers", "body"), [
    ({"statusCode": "201", "body": "x"}, 201, [("Content-Type", "text/plain; charset=utf-8")], b"x"),
    ({"status": 404}, 404, [], b""),
    ({"STATUSCODE": 204}, 204, [], b""),
    ({"body": {"a": "ü"}}, 200, [("Content-Type", "application/json; charset=utf-8")], '{"a":"ü"}'.encode()),
    ({"body": "test", "headers": {"content-type": "a/b"}}, 200, [("content-type", "a/b")], b"test"),
    ({"headers": {"Set-Cookie": ["a=1", "b=2"]}}, 200, [("Set-Cookie", '[\n  "a=1",\n  "b=2"\n]')], b""),
    ({"cookies": [{"name": "a"}], "isRaw": True}, 200, [], b""),
    ('{"statusCode": "200", "body": "x"}', 200, [("Content-Type", "text/plain; charset=utf-8")], b"x"),
    ({}, 200, [], b""),
])  # fmt: skip
def test_http(told, status, headers, body):
    if "Set-Cookie" in str(told):
        # A list prints over several lines, which no header can carry.
        with pytest.raises(Unwritable):
            response(told)
        return
    found = response(told)
    assert (found.status, list(found.headers), found.body) == (status, headers, body)


@pytest.mark.parametrize(
    "told", ["SomeBlah", 5, ["a"], {"statusCode": "OK"}, {"headers": {"a": "b\r\nc: d"}}]
)
def test_http_that_is_none(told):
    # host: HttpScriptInvocationResultExtensionsTests, "SomeBlah" raises HttpOutputDeserializationException
    with pytest.raises(Unwritable):
        response(told)
