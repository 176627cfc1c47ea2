"""The headers between a client, the platform's front and the container."""

from collections.abc import Sequence

from polyfn.toolchain.emulation.exchange import Exchange
from polyfn_gcp.emulator.trace import trace_of

#: Headers that concern one connection alone (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
#: What the front sets itself.
_OWN = frozenset(
    ("x-forwarded-for", "x-forwarded-proto", "forwarded", "traceparent", "x-cloud-trace-context")
)

Pairs = list[tuple[str, str]]


def request_headers(exchange: Exchange, proto: str, *, told: bool = False) -> Pairs:
    """Return a request's headers as the container gets them: the client's in order, then the front's.

    X-Forwarded-For goes on with the client's address; X-Forwarded-Proto, Forwarded and the trace are the
    front's own. With `told` the request already is as a container gets it, and what it has of those stays.
    """
    present = {name.lower() for name, _ in exchange.headers} if told else set()
    kept = _kept(exchange.headers, HOP_BY_HOP | {"expect"} | (_OWN - present))
    if not any(name.lower() == "host" for name, _ in kept):
        kept.insert(0, ("Host", f"localhost:{exchange.local_port}"))
    if chunked(exchange):
        kept.append(("Transfer-Encoding", "chunked"))
    return [*kept, *(pair for pair in _added(exchange, proto) if pair[0].lower() not in present)]


def _added(exchange: Exchange, proto: str) -> Pairs:
    client = exchange.peer[0]
    chain = [value for name, value in exchange.headers if name.lower() == "x-forwarded-for"]
    trace = trace_of(exchange.header("traceparent"), exchange.header("X-Cloud-Trace-Context"))
    return [
        ("X-Forwarded-For", ",".join([*chain, client])),
        ("X-Forwarded-Proto", proto),
        ("Forwarded", f'for="{_node(client)}";proto={proto}'),
        *trace.headers(),
    ]


def response_headers(headers: Sequence[tuple[str, str]]) -> Pairs:
    """Return a response's headers as the client gets them."""
    return _kept(headers, HOP_BY_HOP)


def chunked(exchange: Exchange) -> bool:
    """Whether the request's body has no length."""
    return exchange.header("Transfer-Encoding") is not None


def has_body(exchange: Exchange) -> bool:
    """Whether the request's head announces a body."""
    return chunked(exchange) or exchange.header("Content-Length") is not None


def _kept(headers: Sequence[tuple[str, str]], dropped: frozenset[str]) -> Pairs:
    named = {
        word.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for word in value.split(",")
    }
    # A length is never between hops, whatever a peer says.
    gone = dropped | (named - {"content-length", "host"})
    return [(name, value) for name, value in headers if name.lower() not in gone]


def _node(address: str) -> str:
    # RFC 7239, 6: an IPv6 address stands in brackets.
    return f"[{address}]" if ":" in address else address
