"""Delivers an event as its sender does: over HTTP, and again while the answer does not satisfy it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from polyfn.toolchain.emulation.request_event import RequestEvent
from polyfn.toolchain.emulation.upstream import Broken, Unreachable, Upstream
from polyfn.toolchain.provider import Invoked
from polyfn_gcp.emulator.senders import Sender, sender_of

#: Seconds between two deliveries: at least, and at most, however long the sender would wait.
SHORTEST, LONGEST = 0.05, 1.0


@dataclass(frozen=True)
class Answer:
    """A response. `status` is None if there was none, `whole` tells whether it came to its end."""

    status: int | None
    body: bytes
    retry_after: float | None = None
    whole: bool = True


class Delivery:
    """Sends to a front at an address."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def run(self, event: RequestEvent, attempts: int) -> Invoked:
        """Deliver an event up to `attempts` times. The last answer is the payload.

        The report has `sender`, `acknowledged` and `deliveries` (each: attempt, status, acknowledged,
        retry_after, seconds).
        """
        sender = sender_of(event)
        deliveries: list[dict[str, Any]] = []
        while True:
            begin = time.monotonic()
            answer = await self._sent(event)
            satisfied = answer.whole and answer.status is not None and sender.satisfied(answer.status)
            deliveries.append(
                {
                    "attempt": len(deliveries) + 1,
                    "status": answer.status,
                    "acknowledged": satisfied,
                    "retry_after": answer.retry_after,
                    "seconds": round(time.monotonic() - begin, 6),
                }
            )
            if satisfied or sender.again is None or len(deliveries) >= attempts:
                break
            event = sender.again(event, answer.status or 503)
            await asyncio.sleep(_pause(sender, answer))
        report = {"sender": sender.name, "acknowledged": satisfied, "deliveries": deliveries}
        return Invoked(answer.body, _error(sender, answer, satisfied), answer.status or 503, report)

    async def _sent(self, event: RequestEvent) -> Answer:
        upstream = Upstream(self._host, self._port)
        try:
            call = await upstream.call(event.method, event.path, self._headers(event), _once(event.body))
        except Unreachable:
            return Answer(None, b"", whole=False)
        status, retry_after, body = None, None, b""
        try:
            head = await call.head()
            status = head.status
            told = [value for name, value in head.headers if name.lower() == "retry-after"]
            retry_after = _seconds(told[0]) if told else None
            async for chunk in call.chunks():
                body += chunk
        except Broken:
            return Answer(status, body, retry_after, whole=False)
        finally:
            await call.close()
            upstream.close()
        return Answer(status, body, retry_after)

    def _headers(self, event: RequestEvent) -> list[tuple[str, str]]:
        headers = [h for h in event.headers if h[0].lower() not in ("content-length", "transfer-encoding")]
        if event.header("Host") is None:
            headers.insert(0, ("Host", f"{self._host}:{self._port}"))
        # A request without a body, such as GET, has no length; one with an empty body has.
        if event.body or event.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
            headers.append(("Content-Length", str(len(event.body))))
        return headers


async def _once(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


def _error(sender: Sender, answer: Answer, satisfied: bool) -> str | None:
    if satisfied:
        return None
    if answer.status is None:
        return f"{sender.name} had no answer"
    if not answer.whole:
        return f"{sender.name} had an answer that was cut off ({answer.status})"
    return f"{sender.name} does not take {answer.status} for success"


def _pause(sender: Sender, answer: Answer) -> float:
    asked = answer.retry_after if sender.obeys and answer.retry_after is not None else 0.0
    return min(max(asked, SHORTEST), LONGEST)


def _seconds(told: str) -> float | None:
    """Read Retry-After: seconds, or a date. None if it is neither."""
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
