"""The change feed of Cosmos DB: each document a message.

The documents are a JSON array in a string in a string. Each message's bytes are its own part of that
array, as it was written; they are cut out of it and not written anew.
"""

from polyfn.events import Message
from polyfn.runtime import json
from polyfn_azure.runtime import values
from polyfn_azure.runtime.envelope import EnvelopeError
from polyfn_azure.runtime.metadata import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.functions import Declaration
    from polyfn_azure.runtime.metadata import Facts

#: What Cosmos DB writes into every document, which its users cannot.
_SYSTEM = ("_rid", "_self", "_etag", "_attachments", "_ts", "_lsn")


def documents(facts: "Facts", declaration: "Declaration") -> "list[Message[Any]]":
    """Make a message of each document. Raises EnvelopeError for what is no array of objects.

    `id` is the document's own, `sequence` the log sequence number of its change.
    """
    text = facts.value.value if facts.value.kind in (values.TEXT, values.JSON) else ""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, list) or not all(isinstance(item, dict) for item in told):
        raise EnvelopeError("the change feed's documents are no JSON array of objects")
    native = facts.native()
    return [
        _message(item, part, facts, declaration, native)
        for item, part in zip(told, elements(text), strict=True)
    ]


def _message(
    told: "dict[str, Any]",
    part: str,
    facts: "Facts",
    declaration: "Declaration",
    native: "dict[str, Any]",
) -> "Message[Any]":
    trigger: Any = declaration.trigger
    name = told.get("id")
    return Message(
        raw=values.to_bytes(part),
        payload=told,
        id=name if isinstance(name, str) else None,
        time=whole(told.get("_ts")),
        content_type="application/json",
        attributes={name: told[name] for name in _SYSTEM if name in told},
        attempt=facts.retries(),
        sequence=whole(told.get("_lsn")),
        origin=trigger.name,
        native=native,
    )


def elements(text: str) -> list[str]:
    """The elements of a JSON array of objects, each as it was written. The text has to be valid JSON."""
    import re

    found: list[str] = []
    depth = start = 0
    for token in re.finditer(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', text, re.DOTALL):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == 2:
                start = token.start()
        elif mark in "]}":
            depth -= 1
            if depth == 1:
                found.append(text[start : token.end()])
    return found
