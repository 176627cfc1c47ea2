"""JSON in and out, against the standard library's json as the oracle."""

import dataclasses
import datetime
import decimal
import enum
import json as oracle
import math
import pathlib
import subprocess
import sys
import uuid
from collections import OrderedDict, UserDict
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from polyfn.errors import ResultError
from polyfn.runtime import json

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
KEYS = (
    st.text() | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def reference(value: Any) -> bytes:
    return oracle.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@given(VALUES)
def test_dumps_is_that_of_the_standard_library(value: Any) -> None:
    assert json.dumps(value) == reference(value)


@given(VALUES, st.sampled_from([None, 2]), st.booleans(), st.sampled_from(["", "\ufeff"]))
def test_loads_is_that_of_the_standard_library(
    value: Any, indent: int | None, ascii_only: bool, mark: str
) -> None:
    text = oracle.dumps(value, indent=indent, ensure_ascii=ascii_only)
    expected = oracle.loads(text)
    for source in (mark + text, (mark + text).encode(), f" \r\n\t{text}\n "):
        found = json.loads(source)
        assert found == expected
        assert repr(found) == repr(expected)


@given(
    st.text(alphabet='{}[]",:0123456789.eE+-truefalsn \\u\x00\n\u00e9', max_size=20) | st.text(max_size=20)
)
def test_loads_accepts_what_the_standard_library_accepts(text: str) -> None:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        expected = oracle.loads(text.removeprefix("\ufeff"), parse_constant=refuse)
    except ValueError:
        with pytest.raises(ValueError, match=r".+"):
            json.loads(text)
    else:
        assert repr(json.loads(text)) == repr(expected)


@given(st.binary(max_size=20))
def test_bytes_are_json_or_a_value_error(source: bytes) -> None:
    try:
        json.loads(source)
    except ValueError:
        pass


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '{"a":NaN}', "[-Infinity]"])
def test_what_is_no_number_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        json.loads(text)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (math.nan, "$"),
        (math.inf, "$"),
        ([1, -math.inf], "$[1]"),
        ({"a": {"b": [math.nan]}}, "$.a.b[0]"),
        ({math.nan: 1}, "$"),
        ({"a": {math.inf: 1}}, "$.a"),
    ],
)
def test_what_is_no_number_is_not_written(value: Any, path: str) -> None:
    with pytest.raises(ResultError, match="is not a JSON number") as caught:
        json.dumps(value)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "0"),
        ("  ", "2"),
        ("1 2", "2"),
        ("{} x", "3"),
        ("tru", "0"),
        ("\ufeff", "1"),
        ("\ufeff\ufeff1", "1"),
    ],
)
def test_an_error_says_where(text: str, where: str) -> None:
    with pytest.raises(ValueError, match=f"at character {where}"):
        json.loads(text)


def test_an_error_does_not_quote_the_text() -> None:
    for text in ('{"a": s3cret}', '{"s3cret" 1}', '"s3cret', '["s3cret" "s3cret"]', "s3cret", '1 "s3cret"'):
        with pytest.raises(ValueError, match=r"^(?!.*s3cret)"):
            json.loads(text)


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    deep: Any = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(ResultError, match="nested too deeply"):
        json.dumps(deep)
    with pytest.raises(ValueError, match="nested too deeply"):
        json.loads("[" * 200_000 + "]" * 200_000)
    while deep:
        # Taken apart by hand: deallocating it in one go is not what is tested.
        deep = deep.pop()


def test_what_contains_itself_is_an_error() -> None:
    circle: list[Any] = []
    circle.append({"back": circle})
    with pytest.raises(ResultError, match="contains itself"):
        json.dumps(circle)


def test_lone_surrogates_travel_as_escapes() -> None:
    value = {"a": "\ud800", "é": "x"}
    raw = json.dumps(value)
    raw.decode("ascii")
    assert json.loads(raw) == value == oracle.loads(raw)


class Order(BaseModel):
    id: uuid.UUID
    at: datetime.datetime


@dataclasses.dataclass
class Point:
    kind: ClassVar[str] = "point"
    x: int
    seed: dataclasses.InitVar[int]
    inner: Any = None

    def __post_init__(self, seed: int) -> None:
        self.x += seed


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    y: int


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    ONE = "one"


class MyUUID(uuid.UUID): ...


ID = "12345678-1234-5678-1234-567812345678"


class Pair(NamedTuple):
    a: int
    b: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            Order(id=uuid.UUID(ID), at=datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)),
            {"id": ID, "at": "2024-01-02T00:00:00Z"},
        ),
        (Point(1, 2, Slotted(3)), {"x": 3, "inner": {"y": 3}}),
        (Slotted(1), {"y": 1}),
        (Colour.RED, "red"),
        (Colour.PAIR, [1, 2]),
        (Level.HIGH, 3),
        (Word.ONE, "one"),
        (datetime.datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05"),  # noqa: DTZ001  naive is said as it is
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.time(1, 2), "01:02:00"),
        (uuid.UUID(ID), ID),
        (MyUUID(ID), ID),
        (decimal.Decimal("1.10"), "1.10"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (pathlib.Path("c"), "c"),
        (UserDict(a=1), {"a": 1}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Pair(1, 2), [1, 2]),
        ((1, 2), [1, 2]),
        ({2: "a", None: "b", True: "c", 1.5: "d"}, {"2": "a", "null": "b", "true": "c", "1.5": "d"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_with_a_json_form(value: Any, expected: Any) -> None:
    assert oracle.loads(json.dumps(value)) == expected
    assert oracle.loads(json.dumps({"in": [value]})) == {"in": [expected]}


class Broken:
    """A mapping whose values cannot be had."""

    def keys(self) -> list[str]:
        return ["a"]

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({1, 2}, "$", "set has no JSON form"),
        ({"orders": [{}, {}, {"total": 1j}]}, "$.orders[2].total", "complex has no JSON form"),
        ({"a b": {"c": object()}}, "$['a b'].c", "object has no JSON form"),
        ({"a": {(1, 2): 3}}, "$.a", "a key is tuple"),
        ([b"bytes"], "$[0]", "bytes has no JSON form"),
        (Point(1, 1, {"deep": {1}}), "$.inner.deep", "set has no JSON form"),
        ({"x": Broken()}, "$.x", "KeyError"),
        ({3: [datetime.timedelta(1)]}, "$[3][0]", "timedelta has no JSON form"),
    ],
)
def test_what_has_no_json_form_is_named_by_its_path(value: Any, path: str, reason: str) -> None:
    with pytest.raises(ResultError) as caught:
        json.dumps(value)
    assert caught.value.path == path
    assert f"at {path}: " in str(caught.value)
    assert reason in str(caught.value)
    assert caught.value.code == "PF106"


@given(VALUES)
def test_the_codec_for_other_pythons_says_the_same(value: Any) -> None:
    scan, encode, encode_ascii = json._pure_codec()
    assert "".join(encode(value, 0)).encode() == reference(value)
    text = "".join(encode_ascii(value, 0))
    assert text.isascii()
    assert scan(text, 0) == (oracle.loads(text), len(text))


def test_json_without_its_c_half_still_works() -> None:
    program = (
        "import sys; sys.modules['_json'] = None; sys.path.insert(0, sys.argv[1])\n"
        "from polyfn.runtime import json\n"
        "assert json.loads(json.dumps({'a': [1, 'é', None]})) == {'a': [1, 'é', None]}\n"
        "for bad in ('NaN', '', '{', '[1]]'):\n"
        "    try: json.loads(bad)\n"
        "    except ValueError: continue\n"
        "    raise SystemExit(bad)\n"
    )
    root = str(pathlib.Path(json.__file__).parents[2])
    subprocess.run([sys.executable, "-I", "-S", "-c", program, root], check=True)
