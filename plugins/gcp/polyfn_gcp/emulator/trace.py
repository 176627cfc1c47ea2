"""The trace that a request belongs to, in the two forms that Cloud Run passes on.

Both are set on every request (documented, https://cloud.google.com/trace/docs/trace-context). A client's
trace goes on, with a span of the platform's own in between; that span is new for every request.
"""

import re
import secrets
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_CLOUD = re.compile(r"([0-9a-fA-F]{32})(?:/\d{1,20})?(?:;o=(\d+))?")


@dataclass(frozen=True)
class Trace:
    """Hexadecimal ids, and whether the trace is recorded."""

    trace_id: str
    span_id: str
    sampled: bool = True

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers; the span of X-Cloud-Trace-Context is decimal."""
        flag = int(self.sampled)
        return [
            ("traceparent", f"00-{self.trace_id}-{self.span_id}-{flag:02x}"),
            ("X-Cloud-Trace-Context", f"{self.trace_id}/{int(self.span_id, 16)};o={flag}"),
        ]


def trace_of(traceparent: str | None, cloud: str | None) -> Trace:
    """Go on with the trace of a client's headers, traceparent first, or begin a new one."""
    span = _fresh(8)
    if (told := _TRACEPARENT.fullmatch(traceparent or "")) and int(told[1], 16) and int(told[2], 16):
        return Trace(told[1], span, sampled=bool(int(told[3], 16) & 1))
    if (told := _CLOUD.fullmatch(cloud or "")) and int(told[1], 16):
        return Trace(told[1].lower(), span, sampled=told[2] != "0")
    return Trace(_fresh(16), span)


def _fresh(size: int) -> str:
    while not int(text := secrets.token_hex(size), 16):
        pass
    return text
