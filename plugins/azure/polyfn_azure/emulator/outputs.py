"""The outputs of an invocation: decoded as the host does, and written where Azure Storage can be reached.

For what has no emulator on this machine, and where no connection is configured, what would be sent is told.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from polyfn_azure.emulator import decoding
from polyfn_azure.emulator.account import Accounts
from polyfn_azure.emulator.bindings import Binding, Function
from polyfn_azure.emulator.blobs import Blobs
from polyfn_azure.emulator.queues import Queues

RETURN = "$return"
#: Bindings whose target takes JSON objects.
_OBJECTS = ("cosmosdb", "eventgrid", "table", "sql", "mysql", "documentdb")
#: What names the target in each kind's own keys.
_TARGETS = (
    "queueName",
    "topicName",
    "eventHubName",
    "path",
    "containerName",
    "tableName",
    "commandText",
    "topic",
)
_PARAMETER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Sent:
    """One thing that an output gave. `written` tells whether it reached its target, or was only told."""

    binding: str
    type: str
    target: str
    body: bytes
    written: bool

    def described(self) -> dict[str, Any]:
        """Return it for a report; the bytes as text where they are UTF-8, and always as base64."""
        told: dict[str, Any] = {"binding": self.binding, "type": self.type, "target": self.target}
        try:
            told["text"] = self.body.decode()
        except UnicodeDecodeError:
            pass
        return {**told, "base64": b64encode(self.body).decode(), "written": self.written}


class Outputs:
    """Writes outputs. `encoded` tells that messages of queues travel as base64."""

    def __init__(self, accounts: Accounts, log: Callable[[str], None], *, encoded: bool) -> None:
        self._accounts, self._log = accounts, log
        self._encoded = encoded

    async def write(self, function: Function, told: Mapping[str, Any]) -> list[Sent]:
        """Write all but HTTP. Raises Unwritable."""
        sent: list[Sent] = []
        given = told.get("Outputs") or {}
        for binding in function.outputs:
            value = told.get("ReturnValue") if binding.name == RETURN else given.get(binding.name)
            if value is None or binding.type == "http":
                continue
            sent += [await self._written(binding, body, given) for body in bodies(binding, value)]
        self._unknown(function, given)
        return sent

    def _unknown(self, function: Function, given: Mapping[str, Any]) -> None:
        known = {binding.name for binding in function.outputs}
        for name in given:
            if name not in known:
                self._log(
                    f"[Warning] polyfn: {function.name} gives the output {name!r}, but its function.json "
                    "has no such output: the host drops it"
                )

    async def _written(self, binding: Binding, body: bytes, given: Mapping[str, Any]) -> Sent:
        target = _target(binding, given)
        account = self._accounts.of(binding)
        if binding.type == "queue" and account is not None:
            await Queues(account, encoded=self._encoded).put(target, body)
        elif binding.type == "blob" and account is not None:
            await Blobs(account).put(target, body)
        else:
            self._log(f"polyfn: output {binding.name} ({binding.type} {target}): {len(body)} bytes, not sent")
            return Sent(binding.name, binding.type, target, body, written=False)
        self._log(f"polyfn: output {binding.name} ({binding.type} {target}): {len(body)} bytes")
        return Sent(binding.name, binding.type, target, body, written=True)


def bodies(binding: Binding, value: Any) -> list[bytes]:
    """Return the bytes of every message, document or blob that a value becomes. Raises Unwritable."""
    if binding.type == "blob":
        return [decoding.content(binding, value)]
    if binding.type in _OBJECTS:
        return [json.dumps(each, ensure_ascii=False).encode() for each in decoding.documents(binding, value)]
    return decoding.messages(binding, value)


def _target(binding: Binding, given: Mapping[str, Any]) -> str:
    text = next((binding.text(key) for key in _TARGETS if binding.text(key)), "")

    def filled(found: re.Match[str]) -> str:
        # {rand-guid} is new each time; other parameters are the trigger's, or are left as they are.
        return str(uuid4()) if found[1].lower() == "rand-guid" else str(given.get(found[1], found[0]))

    return _PARAMETER.sub(filled, text)
