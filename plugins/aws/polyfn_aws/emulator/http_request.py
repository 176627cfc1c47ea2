"""A plain HTTP request, as the fronts of the platform see it, and what they all do with it."""

import time
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from polyfn_aws.emulator.invocation import new_request_id, new_trace

#: Headers between a client and a front that concern their connection alone (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    )
)
_TEXTS = ("application/json", "application/javascript", "application/xml")


@dataclass(frozen=True)
class HttpRequest:
    """`path` and `query` are percent-encoded as sent; `headers` keep order, case and duplicates."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    source_ip: str
    port: int
    id: str = field(default_factory=new_request_id)
    at: float = field(default_factory=time.time)

    def header(self, name: str, default: str = "") -> str:
        """Return the last header of this name (given in lower case)."""
        found = [value for key, value in self.headers if key.lower() == name]
        return found[-1] if found else default

    def forwarded(self) -> list[tuple[str, str]]:
        """Return the headers as a front passes them on: with what it adds, without what is between hops."""
        dropped = {*HOP_BY_HOP, "x-forwarded-port", "x-forwarded-proto", "x-forwarded-for", "x-amzn-trace-id"}
        kept = [(name, value) for name, value in self.headers if name.lower() not in dropped]
        chain = ", ".join(filter(None, (self.header("x-forwarded-for"), self.source_ip)))
        return [
            *kept,
            ("X-Forwarded-For", chain),
            ("X-Forwarded-Port", str(self.port)),
            ("X-Forwarded-Proto", "http"),
            ("X-Amzn-Trace-Id", self.header("x-amzn-trace-id") or new_trace()),
        ]

    def pairs(self, *, decoded: bool) -> list[tuple[str, str]]:
        """Return the query's parameters in order; a name without `=` has an empty value."""
        parts = [part.partition("=")[::2] for part in self.query.split("&") if part]
        return [(unquote_plus(k), unquote_plus(v)) for k, v in parts] if decoded else parts

    def text(self) -> tuple[str, bool]:
        """Return the body as an event holds it, and whether that is base64."""
        kind = self.header("content-type").partition(";")[0].strip().lower()
        textual = kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))
        if textual and not self.header("content-encoding"):
            try:
                return self.body.decode("utf-8"), False
            except UnicodeDecodeError:
                pass
        return b64encode(self.body).decode("ascii"), True

    def clock(self) -> str:
        """Return the time of the request as access logs write it."""
        return datetime.fromtimestamp(self.at, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


def joined(pairs: Iterable[tuple[str, str]], *, lower: bool = False) -> dict[str, str]:
    """Return a dict in which the values of a repeated name are joined with commas."""
    result: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower() if lower else name
        result[key] = f"{result[key]},{value}" if key in result else value
    return result


def last(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a dict in which the last value of a repeated name stands."""
    return dict(pairs)


def listed(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return a dict of the lists of values."""
    result: dict[str, list[str]] = {}
    for name, value in pairs:
        result.setdefault(name, []).append(value)
    return result
