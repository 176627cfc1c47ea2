"""Trace context in W3C terms (https://www.w3.org/TR/trace-context/), whoever sent it."""

_HEX = frozenset("0123456789abcdef")


class Trace:
    """The caller's span.

    `trace_id` is 32 hex digits, `span_id` 16 hex digits or None where only the trace is known,
    `sampled` whether the caller records, `state` the tracestate header or None.
    """

    __slots__ = ("sampled", "span_id", "state", "trace_id")

    def __init__(
        self, trace_id: str, span_id: str | None, *, sampled: bool = False, state: str | None = None
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled
        self.state = state

    @property
    def traceparent(self) -> str | None:
        """The traceparent header that passes this context on, or None without a span."""
        if self.span_id is None:
            return None
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.trace_id, self.span_id))

    def __repr__(self) -> str:
        return f"Trace({self.trace_id!r}, {self.span_id!r}, sampled={self.sampled})"


def _is_id(text: str, length: int) -> bool:
    return len(text) == length and _HEX.issuperset(text) and text != "0" * length


def parse_traceparent(header: str, state: str | None = None) -> Trace | None:
    """Read a traceparent header; None if it is not valid. Later versions' extra fields are ignored."""
    parts = header.strip().split("-")
    if len(parts) < 4 or (parts[0] == "00" and len(parts) != 4):
        return None
    version, trace_id, span_id, flags = parts[:4]
    if len(version) != 2 or not _HEX.issuperset(version) or version == "ff":
        return None
    if not _is_id(trace_id, 32) or not _is_id(span_id, 16):
        return None
    if len(flags) != 2 or not _HEX.issuperset(flags):
        return None
    return Trace(trace_id, span_id, sampled=bool(int(flags, 16) & 1), state=state)


def parse_xray(header: str) -> Trace | None:
    """Read an X-Ray trace header, such as `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=...;Sampled=1`.

    An X-Ray root is a W3C trace id with two hyphens and a version; None if it is not valid.
    """
    fields: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        fields[name] = value
    root = fields.get("Root", "").split("-")
    if len(root) != 3 or root[0] != "1" or len(root[1]) != 8:
        return None
    trace_id = root[1] + root[2]
    if not _is_id(trace_id, 32):
        return None
    parent = fields.get("Parent", "")
    return Trace(trace_id, parent if _is_id(parent, 16) else None, sampled=fields.get("Sampled") == "1")
