"""The host's JSON envelope: what `POST /NAME` carries, and what it is answered.

    {"Data": {<binding's name>: value}, "Metadata": {...}}
    {"Outputs": {...} or null, "Logs": [], "ReturnValue": null}

Values stay as they came, nested JSON in strings and all: what they mean differs by trigger.
"""

from polyfn.errors import PolyfnError
from polyfn.runtime import json
from polyfn_azure.runtime.transport import HOST_VERSION, INVOCATION_ID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from polyfn.http import Request

JSON = "application/json; charset=utf-8"
#: The answer of a function without outputs.
DONE = b'{"Outputs":null,"Logs":[],"ReturnValue":null}'
HINT = "what is written by hand has to look as the host writes it: docs/azure.md shows one"
#: The output whose value goes into ReturnValue.
RETURN = "$return"


class EnvelopeError(PolyfnError):
    """A request announces an envelope of the host by its headers, and it is none.

    The message names fields and quotes no values.
    """

    code = "PF340"

    def __init__(self, message: str, *, hint: str = HINT) -> None:
        super().__init__(message, hint=hint)


class Invocation:
    """One invocation by envelope.

    `name` is the function's, `data` the values by binding and `metadata` what the host and the message
    say of it, both as they came. `id` and `host_version` are None where the host did not tell them.
    `raw` is the whole envelope.
    """

    __slots__ = ("data", "host_version", "id", "metadata", "name", "raw")

    def __init__(
        self,
        name: str,
        data: "dict[str, Any]",
        metadata: "dict[str, Any]",
        *,
        id: str | None = None,  # noqa: A002  the host names it so
        host_version: str | None = None,
        raw: bytes = b"",
    ) -> None:
        self.name = name
        self.data = data
        self.metadata = metadata
        self.id = id
        self.host_version = host_version
        self.raw = raw

    def value(self, name: str) -> "Any":
        """Return the value of this binding, or of the only one. Raises EnvelopeError if it is not told."""
        data = self.data
        if name in data:
            return data[name]
        if len(data) == 1:
            return next(iter(data.values()))
        raise EnvelopeError(f"the envelope's Data has no {name!r}, and {len(data)} other values")

    def __repr__(self) -> str:
        return f"<Invocation {self.id} of {self.name}>"


def read(name: str, request: "Request[Any]") -> Invocation:
    """Read the envelope of a request for this function. Raises EnvelopeError."""
    told = request.headers
    return parse(name, request.raw, id=told.get(INVOCATION_ID), host_version=told.get(HOST_VERSION))


def parse(
    name: str,
    raw: bytes,
    *,
    id: str | None = None,  # noqa: A002  the host names it so
    host_version: str | None = None,
) -> Invocation:
    """Read an envelope. Raises EnvelopeError."""
    try:
        told = json.loads(raw)
    except ValueError:
        raise EnvelopeError("the envelope is not JSON") from None
    if not isinstance(told, dict):
        raise EnvelopeError("the envelope is no JSON object")
    data, metadata = told.get("Data"), told.get("Metadata")
    if not isinstance(data, dict):
        raise EnvelopeError("the envelope has no object as its Data")
    if metadata is None:
        metadata = {}
    elif not isinstance(metadata, dict):
        raise EnvelopeError("the envelope's Metadata is no object")
    return Invocation(name, data, metadata, id=id, host_version=host_version, raw=raw)


def answer(outputs: "dict[str, Any] | None") -> bytes:
    """Write the answer of an invocation that succeeded. Raises ResultError for what has no JSON form."""
    if not outputs:
        return DONE
    named = {name: value for name, value in outputs.items() if name != RETURN}
    return json.dumps({"Outputs": named or None, "Logs": [], "ReturnValue": outputs.get(RETURN)})
