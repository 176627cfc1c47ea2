"""JSON over the C halves of the standard library's json.

`import json` pulls in `re` and costs as much as everything else a cold start imports together; the
scanner and the encoder in `_json` need neither. Both directions keep to RFC 8259: NaN and the
infinities are neither read nor written.
"""

from polyfn.errors import ResultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


class _Strict:
    """The settings that `_json.make_scanner` reads off its argument."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None  # of Python 3.15
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)
    memo: "dict[str, str]" = {}  # noqa: RUF012  only the pure Python scanner uses it


def _pure_codec() -> "tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]":
    """The same three functions from the json package, for an interpreter without `_json`."""
    from json import JSONEncoder, decoder, scanner

    pure: Any = decoder
    make: Any = scanner

    def encoder(ascii_only: bool) -> "Callable[[Any, int], tuple[str, ...]]":
        writer = JSONEncoder(
            ensure_ascii=ascii_only,
            allow_nan=False,
            check_circular=False,
            separators=(",", ":"),
            default=plain,
        )
        return lambda value, _: tuple(writer.iterencode(value))

    class Context(_Strict):
        parse_object = staticmethod(pure.JSONObject)
        parse_array = staticmethod(pure.JSONArray)
        parse_string = staticmethod(pure.scanstring)

    return make.py_make_scanner(Context()), encoder(False), encoder(True)


def plain(value: "Any") -> "Any":
    """Give the JSON form of a value that JSON has no type for.

    Pydantic models and dataclasses become objects, dates and times ISO 8601, UUIDs, decimals and
    paths strings, enum members their values, other mappings objects. Raises TypeError for the rest.
    """
    cls = type(value)
    if hasattr(cls, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(cls, "__dataclass_fields__"):
        # Imported already, since somebody made the dataclass. It knows fields from ClassVars.
        from dataclasses import fields

        return {field.name: getattr(value, field.name) for field in fields(value)}
    if hasattr(cls, "isoformat"):
        return value.isoformat()
    if hasattr(cls, "_value2member_map_"):
        return value.value
    if hasattr(cls, "__fspath__") or any((c.__module__, c.__name__) in _AS_TEXT for c in cls.__mro__):
        return str(value)
    if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
        return {key: value[key] for key in value.keys()}  # noqa: SIM118  mappings need not iterate keys
    raise TypeError(f"{cls.__qualname__} has no JSON form")


_scan: "Any"
_encode: "Any"
_encode_ascii: "Any"

_AS_TEXT = {("uuid", "UUID"), ("decimal", "Decimal")}

try:
    from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

    _settings: "Any" = _Strict()
    _scan = make_scanner(_settings)
    _encode = make_encoder(None, plain, encode_basestring, None, ":", ",", False, False, False)
    _encode_ascii = make_encoder(None, plain, encode_basestring_ascii, None, ":", ",", False, False, False)
except (ImportError, TypeError, AttributeError):  # pragma: no cover  another implementation of Python
    _scan, _encode, _encode_ascii = _pure_codec()

_SPACE = " \t\n\r"


def loads(source: "bytes | str") -> "Any":
    """Decode one JSON text: str, or UTF-8 bytes with or without a byte order mark.

    Raises ValueError for anything else, saying where.
    """
    text = str(source, "utf-8") if isinstance(source, (bytes, bytearray, memoryview)) else source
    start = 0
    length = len(text)
    if text[:1] == "\ufeff":
        start = 1
    while start < length and text[start] in _SPACE:
        start += 1
    try:
        try:
            value, end = _scan(text, start)
        except SystemError:
            # Before Python 3.13 the scanner can raise its own error only if json.decoder is loaded.
            __import__("json.decoder")
            value, end = _scan(text, start)
    except StopIteration as error:
        raise ValueError(f"expected a value at character {error.value}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    while end < length:
        if text[end] not in _SPACE:
            raise ValueError(f"expected the end at character {end}")
        end += 1
    return value


def dumps(value: "Any") -> bytes:
    """Encode a value as compact UTF-8 JSON. Raises ResultError that names the path of what does not fit."""
    try:
        text = "".join(_encode(value, 0))
    except Exception as error:
        # Not TypeError and ValueError alone: a model's own serialiser may raise anything.
        raise _explain(value, error) from error
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Lone surrogates have no UTF-8 form; JSON can still say them as escapes.
        return "".join(_encode_ascii(value, 0)).encode("ascii")


def _explain(value: "Any", error: Exception) -> ResultError:
    if isinstance(error, RecursionError):
        return ResultError(
            "the result cannot be written as JSON: it contains itself, or is nested too deeply"
        )
    found = _first_misfit(value, "$", 0)
    path, reason = found if found is not None else ("$", str(error))
    return ResultError(
        f"the result cannot be written as JSON: at {path}: {reason}",
        path=path,
        hint="return str, numbers, bool, None, lists and dicts, or a pydantic model or dataclass of them",
    )


def _first_misfit(value: "Any", path: str, depth: int) -> "tuple[str, str] | None":
    """Find the first value that the encoder refuses, by the path to it."""
    if depth > 200 or value is None or isinstance(value, (str, bool, int)):
        return None
    if isinstance(value, float):
        return None if _is_finite(value) else (path, f"{value!r} is not a JSON number")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, (str, int, float, bool)) and key is not None:
                return path, f"a key is {type(key).__qualname__}; JSON has only strings"
            if isinstance(key, float) and not _is_finite(key):
                return path, f"the key {key!r} is not a JSON number"
            found = _first_misfit(item, _step(path, key), depth + 1)
            if found is not None:
                return found
        return None
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            found = _first_misfit(item, f"{path}[{index}]", depth + 1)
            if found is not None:
                return found
        return None
    try:
        replaced = plain(value)
    except Exception as error:  # noqa: BLE001  a model's own serialiser may raise anything
        return path, str(error) if isinstance(error, TypeError) else f"{type(error).__name__}: {error}"
    return _first_misfit(replaced, path, depth + 1)


def _is_finite(number: float) -> bool:
    return float("-inf") < number < float("inf")


def _step(path: str, key: object) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f"{path}.{key}"
    return f"{path}[{key!r}]"
