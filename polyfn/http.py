"""HTTP as a handler sees it: Headers, Request, Response, HTTPError."""

from polyfn.errors import PayloadError
from polyfn.events import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, TypeAlias, overload

    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
    D = TypeVar("D")
    HeaderSource: TypeAlias = "Headers | Mapping[str, Any] | Iterable[tuple[str, Any]] | None"
else:
    T = object()


class Pairs:
    """Ordered pairs of text of which one name may occur several times.

    Indexing gives the first value; `all(name)` gives every value; `items()` every pair as given.
    """

    __slots__ = ("_pairs",)

    #: What names are compared by.
    _key: "Callable[[str], str]" = staticmethod(str)

    def __init__(self, pairs: "list[tuple[str, str]]") -> None:
        self._pairs = pairs

    if TYPE_CHECKING:

        @overload
        def get(self, name: str) -> str | None: ...
        @overload
        def get(self, name: str, default: D) -> str | D: ...

    def get(self, name: str, default: "D | None" = None) -> "str | D | None":
        """Return the first value, or `default`."""
        key = self._key
        wanted = key(name)
        for given, value in self._pairs:
            if key(given) == wanted:
                return value
        return default

    def all(self, name: str) -> "list[str]":
        """Return every value of this name, in order."""
        key = self._key
        wanted = key(name)
        return [value for given, value in self._pairs if key(given) == wanted]

    def items(self) -> "list[tuple[str, str]]":
        """Return every pair as it was given, in order."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> "Iterator[tuple[str, str]]":
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        # Values may be credentials, so a repr in a log line shows names alone.
        return f"<{type(self).__name__} {', '.join(name for name, _ in self._pairs)}>"


class Headers(Pairs):
    """Ordered headers of which one name may occur several times. Names compare without case."""

    __slots__ = ()

    _key = staticmethod(str.lower)

    def __init__(self, source: "HeaderSource" = None) -> None:
        super().__init__([])
        if source is None:
            return
        if isinstance(source, Headers):
            # What is in there has been looked at.
            self._pairs = source.items()
            return
        pairs = source.items() if hasattr(source, "items") else source
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def checked(cls, pairs: "list[tuple[str, str]]") -> "Headers":
        """Make headers of pairs that a server's parser has checked."""
        made = cls.__new__(cls)
        made._pairs = pairs  # noqa: SLF001  its own
        return made

    def add(self, name: str, value: object) -> None:
        """Append a header. The value becomes a str.

        Raises ValueError for a line break in either, and for what cannot be a header's name.
        """
        text = value if isinstance(value, str) else _text(value)
        for part in (name, text):
            if "\n" in part or "\r" in part or "\0" in part:
                raise ValueError(f"header {name!r}: a line break or NUL in a header would forge another one")
        if not name or not name.isascii() or " " in name or ":" in name:
            raise ValueError(f"header {name!r}: expected a name such as 'content-type'")
        self._pairs.append((name, text))

    def set(self, name: str, value: object) -> None:
        """Replace every header of this name by one."""
        self.remove(name)
        self.add(name, value)

    def remove(self, name: str) -> None:
        """Drop every header of this name; none is fine."""
        low = name.lower()
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != low]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(k.lower(), v) for k, v in self._pairs] == [(k.lower(), v) for k, v in other._pairs]

    __hash__ = None  # type: ignore[assignment]  # mutable


def _text(value: object) -> str:
    # Header bytes are Latin-1 on the wire (RFC 9110, 5.5); the str() of bytes would be Python source.
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class Request(Event[T]):
    """One HTTP request.

    | attribute | content |
    |---|---|
    | `method` | upper case |
    | `raw_path`, `path` | as sent, still percent-encoded; and decoded. Stage and base path are gone |
    | `base_path` | what was taken off the front of the path, `""` if nothing (ASGI's root_path) |
    | `raw_query` | as sent, without the `?` |
    | `query` | decoded pairs, in order; a name may repeat, a parameter without value has `""` |
    | `headers` | `Headers` |
    | `cookies` | name to value; the first wins |
    | `params` | what the route's `{names}` matched, decoded |
    | `client` | the peer's address as the platform tells it, or None |
    | `scheme`, `host` | as the client used them, or None |
    | `body` | bytes; `json()`, `text` and `data` decode it |
    """

    __slots__ = (
        "_cookies", "_query", "base_path", "client", "headers", "host", "method", "params", "raw_path",
        "raw_query", "scheme",
    )  # fmt: skip

    def __init__(
        self,
        *,
        method: str,
        raw_path: str,
        raw_query: str = "",
        headers: "Headers | None" = None,
        body: bytes = b"",
        base_path: str = "",
        client: str | None = None,
        scheme: str | None = None,
        host: str | None = None,
        params: "dict[str, str] | None" = None,
        **facts: "Any",
    ) -> None:
        headers = Headers() if headers is None else headers
        super().__init__(raw=body, content_type=headers.get("content-type"), **facts)
        self.method = method.upper()
        self.raw_path = raw_path
        self.raw_query = raw_query
        self.headers = headers
        self.base_path = base_path
        self.client = client
        self.scheme = scheme
        self.host = host
        self.params: dict[str, str] = {} if params is None else params
        self._query: list[tuple[str, str]] | None = None
        self._cookies: dict[str, str] | None = None

    @property
    def path(self) -> str:
        """The percent-decoded path."""
        if "%" not in self.raw_path:
            return self.raw_path
        from polyfn.runtime.percent import unquote

        return unquote(self.raw_path)

    @property
    def query(self) -> "Query":
        """The decoded query parameters."""
        if self._query is None:
            if self.raw_query:
                from polyfn.runtime import percent

                self._query = percent.pairs(self.raw_query)
            else:
                self._query = []
        return Query(self._query)

    @property
    def cookies(self) -> "dict[str, str]":
        """The request's cookies by name."""
        if self._cookies is None:
            cookies: dict[str, str] = {}
            for line in self.headers.all("cookie"):
                for part in line.split(";"):
                    name, found, value = part.strip().partition("=")
                    if found and name not in cookies:
                        cookies[name] = value.strip('"')
            self._cookies = cookies
        return self._cookies

    @property
    def body(self) -> bytes:
        """The request's body."""
        return self.raw

    def json(self) -> "Any":
        """Return the body decoded from JSON. Raises PayloadError (a 400 to the client) if it is not JSON."""
        if not self.raw:
            raise PayloadError("the request has no body; expected JSON")
        return self.payload

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.raw_path}>"


class Query(Pairs):
    """Query parameters: ordered pairs of which one name may occur several times."""

    __slots__ = ()


#: The attributes whose two words are written as one.
_COOKIE_WORDS = {
    "http_only": "HttpOnly", "httponly": "HttpOnly", "same_site": "SameSite", "samesite": "SameSite",
}  # fmt: skip


class Response:
    """One HTTP reply.

    `body` is bytes, str (sent as UTF-8 text), None (empty), an iterator or async iterator of bytes
    or str (streamed), or anything that JSON can say. `content_type` is chosen from the body unless
    it is given here or in `headers`.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: "Any" = None,
        status: int = 200,
        headers: "HeaderSource" = None,
        *,
        content_type: str | None = None,
    ) -> None:
        if not isinstance(status, int) or not 100 <= status <= 599:
            raise ValueError(f"Response(status={status!r}): expected an integer from 100 to 599")
        self.body = body
        self.status = int(status)
        self.headers = Headers(headers)
        if content_type is not None:
            self.headers.set("content-type", content_type)

    def set_cookie(self, name: str, value: str = "", **attributes: "str | int | bool | None") -> None:
        """Add a Set-Cookie header: `set_cookie("s", "1", path="/", max_age=60, http_only=True)`.

        An attribute that is True stands alone, one that is False or None is left out, and underscores in
        its name become hyphens. Raises ValueError for what cannot stand in a cookie (RFC 6265).
        """
        for text in (name, value, *attributes, *map(str, attributes.values())):
            if any(mark in text for mark in ";\r\n\0"):
                raise ValueError(f"cookie {name!r}: it may not hold ';' or a line break")
        if not name or any(mark in name for mark in "= \t,"):
            raise ValueError(f"cookie {name!r}: expected a name without '=', ',' and spaces")
        parts = [f"{name}={value}"]
        for key, setting in attributes.items():
            label = _COOKIE_WORDS.get(key) or "-".join(word.capitalize() for word in key.split("_"))
            if setting is True:
                parts.append(label)
            elif setting is not False and setting is not None:
                parts.append(f"{label}={setting}")
        self.headers.add("set-cookie", "; ".join(parts))

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


class HTTPError(Exception):
    """Answer with an error status.

    `detail` is written for the client and goes into a problem+json body (RFC 9457); nothing else
    that is raised ever reaches a client.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        headers: "HeaderSource" = None,
        **extensions: "Any",
    ) -> None:
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(f"HTTPError({status!r}): expected an integer from 400 to 599")
        super().__init__(status, detail)
        self.status = int(status)
        self.detail = detail
        self.headers = Headers(headers)
        self.extensions = extensions
