"""Requests to Azure Storage, signed with the account's key.

The signature is Shared Key's (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key).

Its SDKs weigh more than all of the toolchain; seven operations do not need them.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree

import httpx

from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator.account import Account

#: The version of the service that the requests are written for; Azurite knows it too.
VERSION = "2021-12-02"
_SIGNED = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


class Refused(Exception):  # noqa: N818  an outcome, as a missing queue is
    """The service answered with an error."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(f"{what}: {status}")
        self.status = status


class Wire:
    """A connection to one service of an account. Raises EmulationError where nothing answers."""

    def __init__(self, account: Account, endpoint: str) -> None:
        self._account, self._endpoint = account, endpoint
        self._client = httpx.AsyncClient(trust_env=False, timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> httpx.Response:
        """Send a request below the endpoint. Raises Refused, EmulationError."""
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in (query or {}).items())
        asked = "&".join(filter(None, (asked, self._account.signature)))
        url = f"{self._endpoint}/{quote(path)}{'?' + asked if asked else ''}"
        sent = {"x-ms-date": format_datetime(datetime.now(UTC), usegmt=True), "x-ms-version": VERSION}
        sent.update(headers or {})
        if body or method == "PUT":
            sent["content-length"] = str(len(body))
        if self._account.key and not self._account.signature:
            sent["authorization"] = authorization(self._account, method, url, sent)
        try:
            answer = await self._client.request(method, url, headers=sent, content=body)
        except httpx.TransportError as error:
            raise EmulationError(
                f"the storage account at {self._endpoint} cannot be reached: {error}",
                hint="start Azurite (npx azurite), or correct the connection string",
            ) from None
        if answer.is_error:
            raise Refused(answer.status_code, f"{method} {self._endpoint}/{path}")
        return answer


def authorization(account: Account, method: str, url: str, headers: Mapping[str, str]) -> str:
    """Return the header that signs a request; names of `headers` are in lower case."""
    values = [headers.get(name, "") for name in _SIGNED]
    # A length of nothing is signed as nothing.
    values[2] = "" if values[2] == "0" else values[2]
    own = sorted(name for name in headers if name.startswith("x-ms-"))
    place = urlsplit(url)
    told = [method, *values, *(f"{name}:{headers[name]}" for name in own)]
    resource = f"/{account.name}{place.path}"
    pairs = sorted(parse_qsl(place.query, keep_blank_values=True))
    text = "\n".join([*told, resource, *(f"{name.lower()}:{value}" for name, value in pairs)])
    digest = hmac.new(b64decode(account.key), text.encode(), sha256).digest()
    return f"SharedKey {account.name}:{b64encode(digest).decode()}"


def xml(answer: httpx.Response) -> ElementTree.Element:
    """Read the XML of an answer."""
    return ElementTree.fromstring(answer.content)  # noqa: S314  of an account that the user named
