"""Output bindings: `context.native.outputs["audit"] = value`, so that what was given is what arrives.

The host guesses at what it is told (read in its source: GetBindingValue, ReadAsEnumerable). A string that
could be base64 becomes bytes: "test", "1234" and every id of 32 hex digits could. A string that could be
JSON is parsed and printed again. So a value goes as base64 always, which the host takes before it looks
any further, whatever is inside. (The order of its attempts was read; no host was run.)
"""

from binascii import b2a_base64

from polyfn.errors import ResultError
from polyfn.runtime import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

#: Bindings that take bytes, and those that take JSON objects; by type in lower case.
BYTES = frozenset(("queue", "servicebus", "eventhub", "kafka", "blob", "rabbitmq"))
OBJECTS = frozenset(("cosmosdb", "documentdb", "eventgrid", "table", "sql", "mysql"))


class Outputs:
    """What an invocation writes, by the names of the function's output bindings.

    | value | what arrives |
    |---|---|
    | bytes, str | these bytes; of a str its UTF-8 |
    | a list | so many messages, each a str, UTF-8 bytes, or JSON of anything else |
    | anything else | its JSON: one message or blob; of a binding for objects, the document, event or row |

    Setting a name again replaces its value; deleting it takes it back. Raises ResultError for a name that
    is not declared, and for what cannot arrive as it is.
    """

    __slots__ = ("_declared", "_encoded", "_function", "_values")

    def __init__(self, function: str, declared: "Mapping[str, str]") -> None:
        self._function = function
        #: Each name's type.
        self._declared = declared
        self._values: dict[str, Any] = {}
        self._encoded: dict[str, Any] = {}

    def __setitem__(self, name: str, value: "Any") -> None:
        kind = self._declared.get(name)
        if kind is None:
            raise ResultError(
                f"function {self._function!r} has no output {name!r}; its outputs: "
                f"{', '.join(sorted(self._declared)) or 'none'}",
                hint=f"declare it: [tool.polyfn.azure.functions.{self._function}] "
                f'outputs = [{{name = "{name}", type = "queue", queueName = "..."}}]',
            )
        # At once, so that an error has the line that caused it.
        self._encoded[name] = encode(value, kind, name)
        self._values[name] = value

    def __getitem__(self, name: str) -> "Any":
        return self._values[name]

    def __delitem__(self, name: str) -> None:
        del self._values[name], self._encoded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> "Iterator[str]":
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def encoded(self) -> "dict[str, Any]":
        """The values as the envelope's answer has them."""
        return self._encoded

    def __repr__(self) -> str:
        return f"<Outputs {', '.join(self._values)}>"


def declared(function: str, settings: "Mapping[str, Any]") -> "dict[str, str]":
    """Return the outputs that the settings declare for a function: name to type in lower case."""
    own = (settings.get("functions") or {}).get(function) or {}
    return {output["name"]: str(output["type"]).lower() for output in own.get("outputs") or ()}


def encode(value: "Any", kind: str, name: str) -> "Any":
    """Encode a value for a binding of this type. Raises ResultError, naming the output."""
    if kind in OBJECTS:
        return _objects(value, kind, name)
    if not isinstance(value, (list, tuple)):
        return _base64(_bytes(value))
    if kind == "blob":
        # It is one blob, whatever is in it.
        return _base64(json.dumps(value))
    if len(value) == 1:
        return _base64(_bytes(value[0]))
    return [_message(item, name) for item in value]


def _base64(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).decode("ascii")


def _bytes(value: "Any") -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return json.dumps(value)


def _message(item: "Any", name: str) -> str:
    """One of several messages: an element of a JSON array, which stays as it is unless it is a date."""
    try:
        text = _bytes(item).decode()
    except UnicodeDecodeError:
        raise ResultError(
            f"output {name!r} has several messages, and one of them is no UTF-8 text; the host takes binary "
            "messages one at a time",
            hint="write one message per invocation, or send them with the service's SDK",
        ) from None
    if is_date(text):
        raise ResultError(
            f"output {name!r} has several messages, and one of them is a date and nothing else, which the "
            "host would write in another form",
            hint="put it into an object, or write one message per invocation",
        )
    return text


def is_date(text: str) -> bool:
    """Whether the host's JSON parser could take a string for a date: ISO 8601 with a time, or `/Date(0)/`."""
    if text.startswith("/Date("):
        return True
    return len(text) >= 19 and text[4] == "-" and text[7] == "-" and text[10] == "T" and text[:4].isdecimal()


def _objects(value: "Any", kind: str, name: str) -> "Any":
    # A string would be guessed at, and these take objects anyway.
    told = json.loads(json.dumps(value)) if not isinstance(value, (str, bytes, bytearray)) else None
    if isinstance(told, dict) or (isinstance(told, list) and all(isinstance(item, dict) for item in told)):
        return told
    raise ResultError(
        f"output {name!r} is for {kind}, which takes JSON objects; it was given {type(value).__name__}",
        hint="give a dict, a model or a dataclass, or a list of these",
    )
