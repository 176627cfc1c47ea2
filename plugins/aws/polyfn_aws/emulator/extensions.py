"""Internal extensions: those that the artifact itself registers, most often to be told of its end.

The answers are those of the public Runtime Interface Emulator (observed).
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from polyfn.toolchain.emulation.exchange import Exchange
from polyfn_aws.emulator.answers import accepted, forbidden, json_answer
from polyfn_aws.emulator.configuration import ACCOUNT, VERSION, Configuration

_IDENTIFIER = "Lambda-Extension-Identifier"
_LIMIT = 10


@dataclass
class Extension:
    """A registered extension. `waiting` while it is inside event/next."""

    name: str
    events: tuple[str, ...]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    waiting: bool = False
    news: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)


class Extensions:
    """The extensions of one execution environment; `changed` is called when one begins to wait."""

    def __init__(self, configuration: Configuration, changed: Callable[[], None]) -> None:
        self._configuration = configuration
        self._changed = changed
        self._known: dict[str, Extension] = {}
        self.closed = False

    def __len__(self) -> int:
        return len(self._known)

    @property
    def waiting(self) -> bool:
        """Whether every extension is inside event/next."""
        return all(extension.waiting for extension in self._known.values())

    def invoked(self, request_id: str, arn: str, deadline_ms: int, trace_id: str) -> None:
        """Tell those that asked for it of an invocation."""
        event = {
            "eventType": "INVOKE",
            "deadlineMs": deadline_ms,
            "requestId": request_id,
            "invokedFunctionArn": arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": trace_id},
        }
        for extension in self._known.values():
            if "INVOKE" in extension.events:
                extension.waiting = False
                extension.news.put_nowait(event)

    async def register(self, exchange: Exchange) -> None:
        """POST /extension/register."""
        name = exchange.header("Lambda-Extension-Name")
        try:
            events = json.loads(await exchange.body() or b"{}").get("events") or []
        except (ValueError, AttributeError) as error:
            await forbidden(exchange, "InvalidRequestFormat", str(error))
            return
        if problem := self._refusal(name, events):
            await forbidden(exchange, *problem)
            return
        extension = Extension(name or "", tuple(events))
        self._known[extension.id] = extension
        await json_answer(exchange, 200, self._metadata(exchange), [(_IDENTIFIER, extension.id)])

    def _refusal(self, name: str | None, events: list[str]) -> tuple[str, str] | None:
        if not name:
            return "Extension.InvalidExtensionName", "Empty extension name"
        for event in events:
            if event == "SHUTDOWN":
                return (
                    "Extension.InvalidEventType",
                    f"{event}: ShutdownEventNotSupportedForInternalExtension",
                )
            if event != "INVOKE":
                return "Extension.InvalidEventType", f"{event}: ErrorInvalidEventType"
        if self.closed:
            return "Extension.RegistrationClosed", "Extension registration closed already"
        if any(extension.name == name for extension in self._known.values()):
            return "Extension.InvalidExtensionState", "Extension with this name already registered"
        if len(self) >= _LIMIT:
            return "Extension.TooManyExtensions", f"Extension limit ({_LIMIT}) reached"
        return None

    def _metadata(self, exchange: Exchange) -> dict[str, str]:
        told = {
            "functionName": self._configuration.name,
            "functionVersion": VERSION,
            "handler": self._configuration.handler,
        }
        if "accountId" in (exchange.header("Lambda-Extension-Accept-Feature") or ""):
            told["accountId"] = ACCOUNT
        return told

    async def next(self, exchange: Exchange) -> None:
        """GET /extension/event/next: waits for an INVOKE, or for the end of the environment."""
        extension = await self._identified(exchange)
        if extension is None:
            return
        extension.waiting = True
        self._changed()
        event = await extension.news.get()
        await json_answer(exchange, 200, event, [("Lambda-Extension-Event-Identifier", str(uuid.uuid4()))])

    async def failed(self, exchange: Exchange) -> None:
        """POST /extension/init/error and /extension/exit/error."""
        if await self._identified(exchange) is not None:
            await accepted(exchange)

    async def _identified(self, exchange: Exchange) -> Extension | None:
        await exchange.body()
        told = exchange.header(_IDENTIFIER)
        if not told:
            await forbidden(exchange, "Extension.MissingExtensionIdentifier", f"Missing {_IDENTIFIER} header")
            return None
        extension = self._known.get(told)
        if extension is None and _is_uuid(told):
            await forbidden(exchange, "Extension.UnknownExtensionIdentifier", "Unknown extension ID")
        elif extension is None:
            await forbidden(exchange, "Extension.InvalidExtensionIdentifier", f"Invalid {_IDENTIFIER}")
        return extension


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
