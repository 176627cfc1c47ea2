"""Storage queues over REST."""

from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from polyfn_azure.emulator.account import Account
from polyfn_azure.emulator.dotnet import base64_of
from polyfn_azure.emulator.wire import Refused, Wire, xml


@dataclass(frozen=True)
class Message:
    """A message that was taken. `raw` is its text as it travels."""

    id: str
    receipt: str
    attempt: int
    inserted: datetime
    expires: datetime
    visible: datetime
    raw: str

    def body(self, *, encoded: bool) -> bytes | None:
        """Return its bytes; None if it should be base64 and is not."""
        return base64_of(self.raw) if encoded else self.raw.encode("utf-8", "replace")


class Queues:
    """The queues of an account. `encoded` tells that text travels as base64."""

    def __init__(self, account: Account, *, encoded: bool) -> None:
        self._account, self._encoded = account, encoded

    def _wire(self) -> Wire:
        return Wire(self._account, self._account.queues)

    async def put(self, queue: str, body: bytes) -> None:
        """Add a message; the queue is made if there is none. Raises Refused, EmulationError."""
        text = b64encode(body).decode() if self._encoded else body.decode("utf-8", "replace")
        await self.put_text(queue, text)

    async def put_text(self, queue: str, text: str) -> None:
        """Add a message as it travels."""
        told = f"<QueueMessage><MessageText>{escape(text)}</MessageText></QueueMessage>".encode()
        async with self._wire() as wire:
            try:
                await wire.ask("POST", f"{queue}/messages", body=told)
            except Refused as refused:
                if refused.status != 404:
                    raise
                await wire.ask("PUT", queue)
                await wire.ask("POST", f"{queue}/messages", body=told)

    async def take(self, queue: str, count: int, seconds: int) -> list[Message]:
        """Take messages, which nobody else sees for some seconds; none where there is no such queue."""
        query = {"numofmessages": str(count), "visibilitytimeout": str(seconds)}
        async with self._wire() as wire:
            try:
                answer = await wire.ask("GET", f"{queue}/messages", query)
            except Refused as refused:
                if refused.status == 404:
                    return []
                raise
        return [_message(each) for each in xml(answer).iter("QueueMessage")]

    async def delete(self, queue: str, message: Message, receipt: str) -> None:
        """Delete a message. One that is gone, or belongs to another taker by now, stays as it is."""
        async with self._wire() as wire:
            with suppress(Refused):
                await wire.ask("DELETE", f"{queue}/messages/{message.id}", {"popreceipt": receipt})

    async def release(self, queue: str, message: Message, receipt: str, seconds: int) -> str:
        """Let others see a message in some seconds. Return the receipt that it has then."""
        query = {"popreceipt": receipt, "visibilitytimeout": str(seconds)}
        async with self._wire() as wire:
            try:
                answer = await wire.ask("PUT", f"{queue}/messages/{message.id}", query)
            except Refused:
                return receipt
        told: str = answer.headers.get("x-ms-popreceipt", receipt)
        return told


def _message(told: ElementTree.Element) -> Message:
    fields = {each.tag: each.text or "" for each in told}
    return Message(
        id=fields["MessageId"],
        receipt=fields["PopReceipt"],
        attempt=int(fields["DequeueCount"]),
        inserted=_moment(fields["InsertionTime"]),
        expires=_moment(fields["ExpirationTime"]),
        visible=_moment(fields["TimeNextVisible"]),
        raw=fields["MessageText"],
    )


def _moment(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)
