"""The envelope that the host POSTs to a custom handler."""

from polyfn.errors import PolyfnError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class EnvelopeError(PolyfnError):
    """What came to a function is no envelope of the host's, or one that says what no host says."""

    code = "PF340"


class Invocation:
    """One invocation: the function's `name`, and `data` and `metadata` as JSON gave them, still nested.

    `id` and `host_version` are those of the host's headers, `raw` the body.
    """

    __slots__ = ("data", "host_version", "id", "metadata", "name", "raw")

    def __init__(
        self,
        name: str,
        data: "dict[str, Any]",
        metadata: "dict[str, Any]",
        *,
        id: str | None = None,  # noqa: A002
        host_version: str | None = None,
        raw: bytes = b"",
    ) -> None:
        self.name = name
        self.data = data
        self.metadata = metadata
        self.id = id
        self.host_version = host_version
        self.raw = raw
