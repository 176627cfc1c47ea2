"""Errors as Lambda takes them, whatever the exception."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from polyfn.errors import PolyfnError
from polyfn_aws.runtime import faults

LEGAL = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


@given(st.text())
def test_every_name_becomes_legal(name):
    assert LEGAL.fullmatch(f"Function.{faults.legal(name)}")


@given(st.text(), st.text(max_size=50))
def test_every_text_becomes_json_and_one_ascii_line(text, request_id):
    fault = faults.describe(ValueError(text), request_id)
    body = json.loads(fault.body)
    assert body["errorMessage"] == text
    assert body["requestId"] == request_id
    assert fault.headers.isascii()
    lines = fault.headers.split(b"\r\n")
    assert len(lines) == 3, "two headers, and nothing that a text could add"
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert json.loads(lines[1].partition(b": ")[2])["exceptions"][0]["message"] == text


@given(st.integers(0, 400), st.integers(0, 100_000))
def test_the_cause_is_never_too_long(depth, length):
    stack = [(f"/a/rather/long/path/to/module_{n}.py", n, "f" * 50) for n in range(depth)]
    fault = faults.describe(ValueError("é" * length))
    original = faults.frames
    faults.frames = lambda error: stack
    try:
        assert len(faults.xray_cause(fault)) <= faults.CAUSE_LIMIT
    finally:
        faults.frames = original


def test_code_and_hint_are_told():
    fault = faults.describe(PolyfnError("what happened", hint="do this"))
    assert fault.message == "what happened [PF100]; do this"


def test_an_error_without_a_stack():
    assert json.loads(faults.describe(KeyError("x")).body)["stackTrace"] == []


def test_a_source_that_cannot_be_read():
    assert faults.format_frames([("/no/such/file.py", 3, "f")]) == [
        '  File "/no/such/file.py", line 3, in f\n'
    ]


def test_causes_go_round_in_no_circle_and_end():
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = other, one
    assert faults.causes(one) == [other]
    many = ExceptionGroup("many", [ExceptionGroup("inner", [ValueError(n) for n in range(50)]), one])
    found = faults.causes(many)
    assert found[:2] == list(many.exceptions)
    assert len(found) == faults.CAUSES
