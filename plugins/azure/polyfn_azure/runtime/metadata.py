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
    """The metadata of one invocation, of which nothing is taken out of its nesting that nobody asks for.

    `payload` is the message decoded, where telling what it may have forged took decoding it. `invocation`
    and `value` are what they were read from.
    """

    __slots__ = ("_forged", "_shown", "invocation", "payload", "value")

    def __init__(self, invocation: "Invocation", value: "Value") -> None:
        self.invocation = invocation
        self.value = value
        self._shown: dict[str, Any] | None = None
        self._forged, self.payload = promoted_names(value)

    def _is_genuine(self, name: str) -> bool:
        """Whether no message can have written the fact of this name."""
        forged = self._forged
        return forged is not None and not (forged and fold(name) in forged)

    def has(self, name: str) -> bool:
        """Whether the host has told this."""
        return name in self.invocation.metadata and self._is_genuine(name)

    def fact(self, name: str) -> "Any":
        """What the host has told of this name, or None."""
        told = self.invocation.metadata.get(name)
        return None if told is None or not self._is_genuine(name) else unnest(told)

    @property
    def genuine(self) -> "dict[str, Any]":
        """All that no message can have written."""
        return {
            name: unnest(told) for name, told in self.invocation.metadata.items() if self._is_genuine(name)
        }

    @property
    def promoted(self) -> "dict[str, Any]":
        """All that this message may have written."""
        told = self.invocation.metadata.items()
        return {name: unnest(one) for name, one in told if not self._is_genuine(name)}

    def text(self, name: str) -> str | None:
        """A fact that is text and not empty, or None."""
        told = self.fact(name)
        return told if isinstance(told, str) and told else None

    def number(self, name: str) -> int | None:
        """A fact that is a whole number, or None."""
        return whole(self.fact(name))

    def time(self, *names: str) -> str | None:
        """The first of these facts that is a time, or None."""
        for name in names:
            told = self.text(name)
            if told is not None and not told.startswith(_NO_TIME):
                return told
        return None

    def mapping(self, name: str) -> "dict[str, Any]":
        """A fact that is an object, or an empty one."""
        told = self.fact(name)
        return told if isinstance(told, dict) else {}

    def column(self, name: str, count: int) -> "list[Any]":
        """What is told of each of `count` messages: Nones where it is not told of exactly so many."""
        told = self.fact(name)
        return told if isinstance(told, list) and len(told) == count else [None] * count

    def retries(self) -> int | None:
        """Which attempt this is, by the retry policy of function.json, or None if there is none."""
        count = whole(self.mapping("RetryContext").get("RetryCount"))
        return None if count is None else count + 1

    def native(self) -> "dict[str, Any]":
        """The envelope out of its nesting: `Data`, `Metadata`, and `Promoted`, which nobody vouches for."""
        if self._shown is None:
            data = {name: unnest(told) for name, told in self.invocation.data.items()}
            self._shown = {"Data": data, "Metadata": self.genuine, "Promoted": self.promoted}
        return self._shown

    def bodies(self) -> list[bytes]:
        """The bodies of many messages, which come as an array of Base64. Raises EnvelopeError."""
        told = json.loads(self.value.value)
        return [binary(item, f"message {at} of {len(told)}") for at, item in enumerate(told)]

    def many(self, single: str) -> bool:
        """Whether an array of messages came; `single` is a fact that is told of one alone."""
        value = self.value
        return value.kind == JSON and value.value.lstrip()[:1] == "[" and not self.has(single)


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
    return name.lower() if name.isascii() else name.upper().casefold()


def whole(told: "Any") -> int | None:
    """A whole number, or None for anything else; True is none."""
    return told if type(told) is int else None
