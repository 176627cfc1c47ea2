"""The request of an ASGI scope, of which nothing is decoded that nobody asks for.

Most handlers look at a header or two, if any, and at nothing else; to decode all of a request costs more
than to route it.
"""

from polyfn.events import UNSET
from polyfn.http import Headers, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Any, TypeAlias, TypeVar, overload

    D = TypeVar("D")
    Scope: TypeAlias = MutableMapping[str, Any]

_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


def has_body(scope: "Scope") -> bool:
    """Whether a body is still to be read.

    HTTP/2 has bodies without a length; HTTP/1 says before one that there is one (RFC 9112, 6.3).
    """
    if scope["http_version"][0] != "1":
        return True
    for name, _ in scope["headers"]:  # noqa: SIM110  a generator costs more than a loop
        if name in _FRAMING:
            return True
    return False


class ScopeHeaders(Headers):
    """Headers as a server gives them: bytes, and names in lower case (ASGI says so)."""

    __slots__ = ("_encoded", "_first")

    def __init__(self, encoded: "list[tuple[bytes, bytes]]") -> None:
        # `_pairs` stays unset, so that whoever touches it comes to __getattr__ first.
        self._encoded: list[tuple[bytes, bytes]] | None = encoded
        self._first: dict[bytes, bytes] | None = None

    def __getattr__(self, name: str) -> "Any":
        if name != "_pairs" or self._encoded is None:
            raise AttributeError(f"'Headers' object has no attribute {name!r}")
        pairs = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in self._encoded]
        self._pairs = pairs
        self._encoded = None
        return pairs

    if TYPE_CHECKING:

        @overload
        def get(self, name: str) -> str | None: ...
        @overload
        def get(self, name: str, default: D) -> str | D: ...

    def get(self, name: str, default: "D | None" = None) -> "str | D | None":
        """Return the first value, or `default`."""
        low = name.lower()
        if self._encoded is None or not low.isascii():
            return super().get(name, default)
        first = self._first
        if first is None:
            # Of several values the first one stays.
            self._first = first = dict(reversed(self._encoded))
        value = first.get(low.encode())
        return default if value is None else value.decode("latin-1")

    def __repr__(self) -> str:
        return repr(Headers(self))


class ScopeRequest(Request["Any"]):
    """A `Request` that is made of a scope: the same in all it does."""

    __slots__ = ("_scope",)

    def __init__(self, scope: "Scope") -> None:
        # The other slots stay unset, so that whoever touches one comes to __getattr__ first.
        self._scope = self._native = scope
        self.method = scope["method"].upper()
        self.raw_path = raw_path(scope)
        self.headers = ScopeHeaders(scope["headers"])

    def __getattr__(self, name: str) -> "Any":
        find = _FOUND.get(name)
        if find is None:
            raise AttributeError(f"'Request' object has no attribute {name!r}")
        value = find(self._scope)
        setattr(self, name, value)
        return value


def raw_path(scope: "Scope") -> str:
    """The path as the client sent it, without the query, which some servers leave on it."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        from urllib.parse import quote

        return quote(scope["path"])
    text = raw.decode("latin-1")
    return (text.partition("?")[0] if "?" in text else text) or "/"


def _content_type(scope: "Scope") -> str | None:
    return ScopeHeaders(scope["headers"]).get("content-type")


def _host(scope: "Scope") -> str | None:
    found = [value for name, value in scope["headers"] if name == b"host"]
    return found[-1].decode("latin-1") if found else None


def _client(scope: "Scope") -> str | None:
    address: str | None = (scope.get("client") or (None,))[0]
    return address


def _nothing(_: "Scope") -> None:
    return None


#: What each slot holds before anybody has set it.
_FOUND: "dict[str, Callable[[Scope], Any]]" = {
    "client": _client,
    "content_type": _content_type,
    "host": _host,
    "raw_query": lambda scope: scope["query_string"].decode("latin-1"),
    "scheme": lambda scope: scope.get("scheme"),
    "attributes": lambda _: {},
    "params": lambda _: {},
    "base_path": lambda _: "",
    "_raw": lambda _: b"",
    "_data": lambda _: UNSET,
    "_payload": lambda _: UNSET,
    **dict.fromkeys(
        ("_cookies", "_query", "_time", "attempt", "binder", "id", "source", "subject", "type"), _nothing
    ),
}
