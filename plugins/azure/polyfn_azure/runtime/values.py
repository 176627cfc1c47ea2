r"""The host's values, out of the JSON that it nests in strings.

Of a value that is no object the host sends JSON text *as a string* (GetHttpScriptInvocationContextValue in
github.com/Azure/azure-functions-host):

| what the host has | in the envelope | here |
|---|---|---|
| string `abc` | `"\"abc\""` | TEXT, the string |
| bytes | `"YWJj"`, Base64 | BYTES, the bytes |
| array, number, bool, null | `"[1,2]"`, `"5"` | JSON, that text |
| object, dictionary | `{...}` | OBJECT, the dict |
| date and time | `"2024-05-17T16:13:45+00:00"` | (of metadata alone) |

A string of a message is therefore always in quotes, and Base64 never has one: no message can pass for
bytes, nor bytes for a message. What is in the string is never decoded again: text that looks like JSON
stays the text that it is.
"""

from polyfn.runtime import json
from polyfn_azure.runtime.envelope import EnvelopeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TEXT, BYTES, JSON, OBJECT = "text", "bytes", "json", "object"


class Value:
    """What a binding delivered: its `kind`, one of the words above, and the `value` without its nesting."""

    __slots__ = ("kind", "value")

    def __init__(self, kind: str, value: "Any") -> None:
        self.kind = kind
        self.value = value

    @property
    def raw(self) -> bytes:
        """The value as bytes: the message's own, but of an object, which the host has decoded already.

        Of a text they are the message's own if it was UTF-8: for anything else the host has put U+FFFD
        before it sent it, which only `dataType: binary` prevents.
        """
        if self.kind == BYTES:
            found: bytes = self.value
            return found
        return json.dumps(self.value) if self.kind == OBJECT else to_bytes(self.value)


def to_bytes(text: str) -> bytes:
    """Encode text as UTF-8. A lone surrogate, which .NET's strings may hold, is kept in three bytes."""
    return text.encode("utf-8", "surrogatepass")


def read(told: "Any", what: str) -> Value:
    """Take the value of a binding out of its nesting. Raises EnvelopeError that names `what`."""
    if isinstance(told, dict):
        return Value(OBJECT, told)
    if not isinstance(told, str):
        raise EnvelopeError(f"{what} is a JSON {_kind(told)}; the host sends an object or a string")
    if told[:1] == '"':
        return Value(TEXT, _string(told, what))
    decoded = from_base64(told)
    if decoded is not None:
        return Value(BYTES, decoded)
    # Besides what the host sends: a message whose text somebody did not nest, as the documentation has it.
    _valid(told, what)
    return Value(JSON, told)


def _string(told: str, what: str) -> str:
    try:
        found = json.loads(told)
    except ValueError:
        found = None
    if not isinstance(found, str):
        raise EnvelopeError(f"{what} begins as a string in a string and is none")
    return found


def _valid(told: str, what: str) -> None:
    try:
        json.loads(told)
    except ValueError:
        raise EnvelopeError(f"{what} is a string that holds neither JSON nor Base64") from None


def _kind(told: "Any") -> str:
    if told is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", list: "array"}.get(type(told), "value")


def from_base64(text: str) -> bytes | None:
    """Decode Base64, padded and without anything else; None for what is none."""
    if len(text) % 4:
        return None
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(text, strict_mode=True)
    except (Error, ValueError):
        return None


def binary(told: "Any", what: str) -> bytes:
    """Decode an element of an array of bytes. Raises EnvelopeError that names `what`."""
    found = from_base64(told) if isinstance(told, str) else None
    if found is None:
        raise EnvelopeError(
            f"{what} is no Base64; with cardinality many the binding needs dataType binary in function.json, "
            "since text cannot be told from Base64"
        )
    return found


def unnest(told: "Any") -> "Any":
    """Take a value of metadata out of its string, once; what is no JSON, as dates are, stays as it is."""
    if not isinstance(told, str) or not _MAY_BE_JSON.issuperset(told[:1]):
        return told
    # Dates are the most of what is no JSON, and to fail costs more than to look.
    if told[:1].isdigit() and told[4:5] == "-":
        return told
    try:
        return json.loads(told)
    except ValueError:
        return told


_MAY_BE_JSON = frozenset('"[{-0123456789tfn')
