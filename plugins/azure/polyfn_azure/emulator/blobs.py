"""Blobs over REST."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from polyfn_azure.emulator.account import Account
from polyfn_azure.emulator.dotnet import stamp
from polyfn_azure.emulator.wire import Refused, Wire, xml


@dataclass(frozen=True)
class Blob:
    """A blob as a list of its container shows it."""

    name: str
    etag: str
    modified: datetime
    size: int
    kind: str

    def properties(self) -> dict[str, Any]:
        """Return the facts that Metadata.Properties has."""
        return {
            "LastModified": stamp(self.modified),
            "BlobType": 0,
            "ContentLength": self.size,
            "ContentType": self.kind,
            "ETag": {},
        }


class Blobs:
    """The blobs of an account. A path is `container/name`."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def _wire(self) -> Wire:
        return Wire(self._account, self._account.blobs)

    def url(self, path: str) -> str:
        """Return a blob's address, as the SDK writes it: percent-encoded but for the slashes."""
        return f"{self._account.blobs}/{quote(path)}"

    async def put(self, path: str, body: bytes) -> None:
        """Write a blob; its container is made if there is none. Raises Refused, EmulationError."""
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": "application/octet-stream"}
        async with self._wire() as wire:
            try:
                await wire.ask("PUT", path, headers=headers, body=body)
            except Refused as refused:
                if refused.status != 404:
                    raise
                await wire.ask("PUT", path.partition("/")[0], {"restype": "container"})
                await wire.ask("PUT", path, headers=headers, body=body)

    async def read(self, path: str) -> tuple[bytes, dict[str, str]]:
        """Return a blob's content and its own metadata. Raises Refused if it is gone."""
        async with self._wire() as wire:
            answer = await wire.ask("GET", path)
        own = {
            name.lower().removeprefix("x-ms-meta-"): value
            for name, value in answer.headers.items()
            if name.lower().startswith("x-ms-meta-")
        }
        return answer.content, own

    async def names(self, container: str) -> list[Blob]:
        """List a container; nothing where there is none."""
        found: list[Blob] = []
        marker = ""
        async with self._wire() as wire:
            while True:
                query = {"restype": "container", "comp": "list", **({"marker": marker} if marker else {})}
                try:
                    told = xml(await wire.ask("GET", container, query))
                except Refused as refused:
                    if refused.status == 404:
                        return []
                    raise
                found += [_blob(each) for each in told.iter("Blob")]
                marker = told.findtext("NextMarker") or ""
                if not marker:
                    return found


def _blob(told: ElementTree.Element) -> Blob:
    facts = told.find("Properties")
    assert facts is not None
    return Blob(
        name=told.findtext("Name") or "",
        etag=facts.findtext("Etag") or "",
        modified=parsedate_to_datetime(facts.findtext("Last-Modified") or ""),
        size=int(facts.findtext("Content-Length") or 0),
        kind=facts.findtext("Content-Type") or "application/octet-stream",
    )
