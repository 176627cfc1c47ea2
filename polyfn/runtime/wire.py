"""Reply headers as bytes for a server."""

from polyfn.errors import ResultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from polyfn.http import Headers

#: These describe the connection, which is the server's. `connection` may only ask for its end.
_HOP_BY_HOP = frozenset(("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"))
#: What may stand in a header's name (RFC 9110, 5.6.2) besides letters and digits.
_MARKS = "!#$%&'*+-.^_`|~"

_known: "dict[tuple[str, str], tuple[bytes, bytes] | None]" = {}
#: The most headers that are remembered, and the longest of them.
_ROOM = 512
_SHORT = 80


def encode(headers: "Headers", *, closing: bool) -> "tuple[list[tuple[bytes, bytes]], int | None]":
    """Return the headers in bytes, and the content length that they tell.

    Raises ResultError for what cannot stand in a header.
    """
    pairs = []
    length = None
    for pair in headers:
        try:
            encoded = _known[pair]
        except KeyError:
            encoded = _remembered(pair)
        if encoded is None:
            closing = closing or pair[1].lower() == "close"
        elif encoded[0] != b"content-length":
            pairs.append(encoded)
        elif length is None:
            length = _number(pair[1])
            pairs.append(encoded)
    if closing:
        pairs.append((b"connection", b"close"))
    return pairs, length


def _remembered(pair: "tuple[str, str]") -> "tuple[bytes, bytes] | None":
    encoded = _encoded(*pair)
    if len(pair[0]) + len(pair[1]) <= _SHORT:
        if len(_known) >= _ROOM:
            _known.clear()
        _known[pair] = encoded
    return encoded


def _encoded(name: str, value: str) -> "tuple[bytes, bytes] | None":
    low = name.lower()
    if low in _HOP_BY_HOP:
        return None
    if not low.isascii() or not low.translate(_NO_MARKS).isalnum():
        raise ResultError(f"the reply has a header named {name!r}; expected letters, digits and {_MARKS}")
    if not value.isprintable() and not value.replace("\t", "").replace("\xa0", "").isprintable():
        raise ResultError(f"the reply's header {name!r} has a control character in its value")
    try:
        return low.encode("ascii"), value.strip(" \t").encode("latin-1")
    except UnicodeEncodeError:
        # What is not Latin-1 goes as UTF-8, which header bytes may be (RFC 9110, 5.5: opaque data).
        return low.encode("ascii"), value.strip(" \t").encode("utf-8", "surrogateescape")


_NO_MARKS = {ord(mark): None for mark in _MARKS if mark != "-"} | {ord("-"): "0", ord("_"): "0"}


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ResultError(f"the reply has content-length {text!r}; expected a number of bytes")
    return int(text)
