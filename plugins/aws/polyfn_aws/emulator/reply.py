"""What comes back from one invocation, readable while it is still being written."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Why an invocation failed: the platform's or the runtime's error type, and the error as JSON."""

    type: str
    payload: bytes

    @classmethod
    def of(cls, type_: str, message: str, request_id: str | None = None) -> "Fault":
        """Make the fault that the platform itself reports."""
        if request_id is not None:
            message = f"RequestId: {request_id} Error: {message}"
        return cls(type_, json.dumps({"errorType": type_, "errorMessage": message}).encode())


class Reply:
    """Begun once, written in pieces, ended once; whatever comes after the end is ignored.

    `content_type` and `streaming` are known once it has begun, `fault` once it has ended.
    """

    def __init__(self) -> None:
        self.content_type = "application/json"
        self.streaming = False
        self.fault: Fault | None = None
        self._begun = asyncio.Event()
        self._ended = asyncio.Event()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    @property
    def begun(self) -> bool:
        """Whether its kind is known."""
        return self._begun.is_set()

    @property
    def ended(self) -> bool:
        """Whether it is complete."""
        return self._ended.is_set()

    def begin(self, content_type: str, *, streaming: bool) -> None:
        """Tell its kind."""
        if not self.begun:
            self.content_type, self.streaming = content_type, streaming
            self._begun.set()

    def write(self, piece: bytes) -> None:
        """Add to its body."""
        if piece and not self.ended:
            self._pieces.put_nowait(piece)

    def end(self, fault: Fault | None = None) -> None:
        """Complete it: well, or with a fault."""
        if not self.ended:
            self.fault = fault
            self._pieces.put_nowait(None)
            self._ended.set()
            self._begun.set()

    async def wait_begun(self) -> None:
        """Return when its kind is known."""
        await self._begun.wait()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield its body as it is written. Only one reader may do so."""
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def payload(self) -> bytes:
        """Return the whole body, or the fault's JSON if it failed."""
        body = b"".join([piece async for piece in self.pieces()])
        return body if self.fault is None else self.fault.payload
