"""What is logged of one request: the facts of the platform's `httpRequest`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from polyfn.toolchain.emulation.exchange import Exchange


@dataclass
class Record:
    """One request. `status` is None until it is known; sizes are bytes of bodies.

    `latency` counts from the arrival of the head to the end of the response.
    """

    method: str
    url: str
    remote: str
    agent: str
    protocol: str = "HTTP/1.1"
    status: int | None = None
    request_size: int = 0
    response_size: int = 0
    latency: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, exchange: Exchange) -> "Record":
        """Begin the record of a request."""
        host = exchange.header("Host") or f"{exchange.peer[0]}:{exchange.local_port}"
        url = f"http://{host}{exchange.target}"
        return cls(exchange.method, url, exchange.peer[0], exchange.header("User-Agent") or "")

    def end(self, log: Callable[[str], None]) -> None:
        """Complete it and log it."""
        self.latency = time.monotonic() - self.began
        log(self.line())

    def line(self) -> str:
        """`GET 200 13 B 4 ms curl/8.5.0 http://...`: the columns of Google's Logs Explorer."""
        parts = (
            self.method, str(self.status or "-"), _bytes(self.response_size),
            f"{self.latency * 1000:.0f} ms", self.agent, self.url,
        )  # fmt: skip
        return " ".join(filter(None, parts))

    def facts(self) -> dict[str, Any]:
        """Return the fields that Cloud Logging's HttpRequest has."""
        return {
            "requestMethod": self.method,
            "requestUrl": self.url,
            "requestSize": str(self.request_size),
            "status": self.status,
            "responseSize": str(self.response_size),
            "userAgent": self.agent,
            "remoteIp": self.remote,
            "latency": f"{self.latency:.6f}s",
            "protocol": self.protocol,
        }


def _bytes(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.2f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.2f} MiB"
