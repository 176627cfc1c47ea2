"""Looks for new and changed blobs for a function.

With source LogsAndContainerScan the host delivers what is there already and has no receipt; receipts are kept
here while the emulator runs. With source EventGrid it hears of what is written from then on.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator.bindings import Function
from polyfn_azure.emulator.blobs import Blob, Blobs
from polyfn_azure.emulator.queues import Queues
from polyfn_azure.emulator.wire import Refused

#: Deliveries of one blob at most, and where it is told of that failed all of them.
ATTEMPTS, POISON = 5, "webjobs-blobtrigger-poison"

#: Runs a function with a blob's content and metadata, and the path's parameters; True if it succeeded.
Run = Callable[[Function, Blob, str, bytes, dict[str, str], dict[str, str]], Awaitable[bool]]


class BlobPoll:
    """Delivers the blobs of one path to one function."""

    def __init__(
        self,
        function: Function,
        blobs: Blobs,
        queues: Queues,
        run: Run,
        log: Callable[[str], None],
        pause: float,
    ) -> None:
        self._function, self._blobs, self._queues = function, blobs, queues
        self._run, self._log, self._pause = run, log, pause
        self._container, self._pattern = pattern(function.trigger.text("path"))
        self._seen: dict[str, str] = {}

    async def forever(self) -> None:
        """Look, deliver, wait."""
        first = self._function.trigger.text("source").lower() == "eventgrid"
        while True:
            try:
                await self._looked(silently=first)
                first = False
            except (EmulationError, Refused) as error:
                self._log(f"[Error] polyfn: blobs of {self._container}: {error}")
            await asyncio.sleep(self._pause)

    async def _looked(self, *, silently: bool) -> None:
        for blob in await self._blobs.names(self._container):
            found = self._pattern.fullmatch(blob.name)
            if found is None or self._seen.get(blob.name) == blob.etag:
                continue
            self._seen[blob.name] = blob.etag
            if not silently:
                await self._delivered(blob, found.groupdict())

    async def _delivered(self, blob: Blob, params: dict[str, str]) -> None:
        path = f"{self._container}/{blob.name}"
        for _ in range(ATTEMPTS):
            try:
                content, own = await self._blobs.read(path)
            except Refused:
                return
            if await self._run(self._function, blob, path, content, own, params):
                return
        self._log(f"[Warning] the blob {path} failed {ATTEMPTS} times. Moving it to queue '{POISON}'.")
        told = {
            "Type": "BlobTrigger", "FunctionId": f"Host.Functions.{self._function.name}",
            "BlobType": "BlockBlob", "ContainerName": self._container,
            "BlobName": blob.name, "ETag": blob.etag,
        }  # fmt: skip
        await self._queues.put(POISON, json.dumps(told).encode())


def pattern(path: str) -> tuple[str, re.Pattern[str]]:
    """Return the container and what matches a blob's name: `uploads/{name}.jpg`. Raises EmulationError."""
    container, _, rest = path.strip("/").partition("/")
    if not container or "{" in container:
        raise EmulationError(f"the blob trigger's path is {path!r}", hint="such as uploads/{name}")
    parts = re.split(r"\{([A-Za-z_]\w*)\}", rest or "{name}")
    # The last parameter takes slashes too, each other as little as it can.
    text = "".join(f"(?P<{part}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    try:
        return container, re.compile(text, re.DOTALL)
    except re.error as error:
        raise EmulationError(f"the blob trigger's path is {path!r}: {error}", hint="name each once") from None
