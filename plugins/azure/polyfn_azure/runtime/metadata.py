"""Metadata: what the host says of a message, kept apart from what the message says of itself.

The host copies every property of a JSON message into the metadata, over its own of the same name, but for
arrays and null (Utility.ApplyBindingData). Names are compared without regard to case, since the dictionary
is made so (Binder in github.com/Azure/azure-webjobs-sdk), and the host's spelling stays: `{"id": "x"}`
replaces `Id`. So whatever is named as a property of the message is not believed and not told.

It does so for strings alone: of bytes (`dataType: binary`), of arrays and of objects nothing is copied. Its
parser takes more than JSON (single quotes, comments, names without quotes), so of a text in braces that is
no JSON nothing at all is believed.
"""

from polyfn.events import UNSET
from polyfn.runtime import json
from polyfn_azure.runtime.values import JSON, TEXT, binary, unnest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from typing import Any

    from polyfn_azure.runtime.envelope import Invocation
    from polyfn_azure.runtime.values import Value

#: No date at all, in .NET's words: before and after all others.
_NO_TIME = ("0001-01-01", "9999-12-31")


class Facts:
    """The metadata of one invocation, out of its nesting.

    `genuine` is what no message can have written, `promoted` what this one may have. `payload` is the
    message decoded, where telling them apart took decoding it. `invocation` and `value` are what they
    were read from.
    """

    __slots__ = ("genuine", "invocation", "payload", "promoted", "shown", "value")

    def __init__(self, invocation: "Invocation", value: "Value") -> None:
        self.invocation = invocation
        self.value = value
        self.shown: dict[str, Any] | None = None
        names, self.payload = promoted_names(value)
        self.genuine: dict[str, Any] = {}
        self.promoted: dict[str, Any] = {}
        for name, told in invocation.metadata.items():
            forged = names is None or (names and fold(name) in names)
            (self.promoted if forged else self.genuine)[name] = unnest(told)

    def text(self, name: str) -> str | None:
        """A fact that is text and not empty, or None."""
        told = self.genuine.get(name)
        return told if isinstance(told, str) and told else None

    def number(self, name: str) -> int | None:
        """A fact that is a whole number, or None."""
        return whole(self.genuine.get(name))

    def time(self, *names: str) -> str | None:
        """The first of these facts that is a time, or None."""
        for name in names:
            told = self.text(name)
            if told is not None and not told.startswith(_NO_TIME):
                return told
        return None

    def mapping(self, name: str) -> "dict[str, Any]":
        """A fact that is an object, or an empty one."""
        told = self.genuine.get(name)
        return told if isinstance(told, dict) else {}

    def column(self, name: str, count: int) -> "list[Any]":
        """What is told of each of `count` messages: Nones where it is not told of exactly so many."""
        told = self.genuine.get(name)
        return told if isinstance(told, list) and len(told) == count else [None] * count

    def retries(self) -> int | None:
        """Which attempt this is, by the retry policy of function.json, or None if there is none."""
        count = whole(self.mapping("RetryContext").get("RetryCount"))
        return None if count is None else count + 1

    def native(self) -> "dict[str, Any]":
        """The envelope out of its nesting: `Data`, `Metadata`, and `Promoted`, which nobody vouches for."""
        if self.shown is None:
            data = {name: unnest(told) for name, told in self.invocation.data.items()}
            self.shown = {"Data": data, "Metadata": self.genuine, "Promoted": self.promoted}
        return self.shown

    def bodies(self) -> list[bytes]:
        """The bodies of many messages, which come as an array of Base64. Raises EnvelopeError."""
        told = json.loads(self.value.value)
        return [binary(item, f"message {at} of {len(told)}") for at, item in enumerate(told)]

    def many(self, single: str) -> bool:
        """Whether an array of messages came; `single` is a fact that is told of one alone."""
        value = self.value
        return value.kind == JSON and value.value.lstrip()[:1] == "[" and single not in self.genuine


def promoted_names(value: "Value") -> "tuple[AbstractSet[str] | None, Any]":
    """The names that the host has taken from a message, folded, and the message decoded if that took it.

    None stands for any name at all.
    """
    if value.kind not in (TEXT, JSON) or not _is_braced(value.value):
        return frozenset(), UNSET
    try:
        told = json.loads(value.value)
    except ValueError:
        return None, UNSET
    return {fold(name) for name, item in told.items() if item is not None and type(item) is not list}, told


def _is_braced(text: str) -> bool:
    # The host trims white space; a byte order mark is more than it trims, and costs nothing.
    trimmed = text.strip("\ufeff").strip()
    return trimmed[:1] == "{" and trimmed[-1:] == "}"


def fold(name: str) -> str:
    """A name without its case: what .NET takes for one name is one here, and little more."""
    return name.upper().casefold()


def whole(told: "Any") -> int | None:
    """A whole number, or None for anything else; True is none."""
    return told if type(told) is int else None
