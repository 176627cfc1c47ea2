"""HTTP to one registry: redirects, tokens, and errors that tell no secret.

No library for registries in Python is fit: oras holds whole blobs in memory and uploads one after the other,
dxf knows no credential helpers, the rest is dead or experimental. So this speaks the distribution
specification over httpx, the well-kept library for the wire, which also brings proxies and SSL_CERT_FILE.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx

import polyfn
from polyfn.toolchain.artifacts.oci import credentials
from polyfn.toolchain.artifacts.oci.reference import Reference, loopback
from polyfn.toolchain.artifacts.oci.retries import TemporaryError, after, retried
from polyfn.toolchain.artifacts.oci.tokens import Tokens
from polyfn.toolchain.errors import RegistryError

_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOPS = 5
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
#: Bytes of an answer that tells of an error, or has a token.
_SAID = 64 << 10

#: Makes the body anew for each attempt.
Body = Callable[[], Iterable[bytes]]


@dataclass
class Wire:
    """One registry. `url` is without a slash at its end."""

    host: str
    url: str
    log: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    _client: httpx.Client = field(init=False, repr=False)
    _tokens: Tokens = field(init=False, repr=False)

    def __post_init__(self) -> None:
        place = urlsplit(self.url)
        here = place.scheme == "http" and loopback(place.netloc)
        self._client = httpx.Client(
            # Blobs are what their digests say, so nothing on the way may pack them.
            headers={"User-Agent": f"polyfn/{polyfn.__version__}", "Accept-Encoding": "identity"},
            timeout=_TIMEOUT,
            # A proxy of the environment cannot reach what is on this machine.
            trust_env=not here,
        )
        self._tokens = Tokens(self.host, self._credential, self._token)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def again(self, attempt: Callable[[], httpx.Response]) -> httpx.Response:
        """Make attempts until one is no temporary failure. Raises RegistryError."""
        return retried(attempt, self.sleep)

    @contextmanager
    def once(
        self,
        method: str,
        place: str,
        *,
        to: Reference,
        scopes: Sequence[str],
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        fine: Iterable[int] = (200,),
    ) -> Iterator[httpx.Response]:
        """Send one request and give the answer, not yet read; it has one of the `fine` statuses.

        `place` is a path, or a URL that the registry gave. Raises TemporaryError, RegistryError.
        """
        url = urljoin(self.url + "/", place)
        try:
            with self._answered(method, url, to, scopes, dict(headers or {}), body) as response:
                self._judge(response, method, to, fine)
                yield response
        except httpx.InvalidURL:
            raise RegistryError(f"{self.host} sends to what is no place", hint="it is no registry") from None
        except httpx.TransportError as error:
            failure = RegistryError(
                f"{self.host} cannot be reached, or broke off: {_why(error)}",
                hint="check the reference, the network and its proxy; SSL_CERT_FILE names your certificates",
            )
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise failure from error  # it will not be better next time
            raise TemporaryError(failure) from error

    @contextmanager
    def _answered(
        self,
        method: str,
        url: str,
        to: Reference,
        scopes: Sequence[str],
        headers: dict[str, str],
        body: Body | None,
    ) -> Iterator[httpx.Response]:
        """Follow redirects and answer challenges."""
        asked = 0
        for _ in range(_HOPS + 2):
            used = self._tokens.header(scopes) if self._own(url) else None
            sent = {**headers, **({"Authorization": used} if used else {})}
            content = iter(body()) if body is not None else None
            with self._client.stream(method, url, headers=sent, content=content) as response:
                told = response.headers.get_list("www-authenticate")
                if response.status_code == 401 and self._own(url) and asked < 2:
                    asked += 1
                    if self._tokens.answer(told, scopes, to.repository, used):
                        continue
                if response.status_code in _REDIRECTS and method in ("GET", "HEAD"):
                    url = self._next(url, response.headers.get("location", ""))
                    continue
                yield response
                return
        raise RegistryError(f"{self.host} sends from one place to the next", hint="try again later")

    def _own(self, url: str) -> bool:
        """Whether this is the registry itself: nobody else is told who we are."""
        return _origin(url) == _origin(self.url)

    def _next(self, url: str, location: str) -> str:
        try:
            there = urljoin(url, location)
            scheme = urlsplit(there).scheme
        except ValueError:
            raise RegistryError(f"{self.host} sends to what is no place", hint="it is no registry") from None
        if scheme not in ("https", urlsplit(self.url).scheme):
            raise RegistryError(f"{self.host} sends to a place that is not encrypted", hint="do not trust it")
        return there

    def location(self, response: httpx.Response) -> str:
        """Return where the registry wants the upload. Raises RegistryError."""
        location = response.headers.get("location", "")
        if not location:
            raise RegistryError(f"{self.host} does not say where to upload to", hint="it is no registry")
        return self._next(str(response.request.url), location)

    def _judge(self, response: httpx.Response, method: str, to: Reference, fine: Iterable[int]) -> None:
        status = response.status_code
        if status in fine:
            return
        error = self._error(response, method, to)
        if status in _TEMPORARY:
            raise TemporaryError(error, after(response.headers.get("retry-after")))
        raise error

    def _error(self, response: httpx.Response, method: str, to: Reference) -> RegistryError:
        status, said = response.status_code, _said(response)
        what = f"{self.host} refuses {method} for {to.repository} (status {status}){said and ': ' + said}"
        if status in (401, 403):
            hint = (
                f"log in: docker login {self.host}, or your cloud's helper; and check what you may do there"
            )
        elif status == 404:
            hint = "check the name; some registries want a repository to be made before"
        else:
            hint = "try again later; if it stays so, ask whoever runs the registry"
        return RegistryError(what, hint=hint, status=status)

    def _credential(self, repository: str) -> credentials.Credential | None:
        return credentials.find(self.host, repository, self.log)

    def _token(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        form: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> httpx.Response:
        """Ask the registry's service for a token. No redirect is followed: the secret would go along."""
        try:
            with self._client.stream(
                method, url, params=dict(query) or None, data=dict(form) or None, headers=dict(headers)
            ) as response:
                body = _read(response, 1 << 20)
                return httpx.Response(response.status_code, content=body)
        except httpx.TransportError as error:
            failure = RegistryError(
                f"the service that gives tokens for {self.host} cannot be reached: {_why(error)}",
                hint="check the network and its proxy",
            )
            raise TemporaryError(failure) from error


def _read(response: httpx.Response, limit: int) -> bytes:
    data = b""
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > limit:
            break
    return data[:limit]


def _said(response: httpx.Response) -> str:
    """What the registry says of the error (distribution-spec, "Error Codes"), as one short line."""
    try:
        told = json.loads(_read(response, _SAID))["errors"][0]
        words = [str(told[name]) for name in ("code", "message") if told.get(name)]
    except (ValueError, LookupError, TypeError, AttributeError, httpx.HTTPError):
        return ""
    text = re.sub(r"\s+", " ", ": ".join(words)).strip()
    return "".join(letter for letter in text if letter.isprintable())[:200]


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _why(error: Exception) -> str:
    """What went wrong, without a URL: there may be a secret in one."""
    text = re.sub(r"\S*://\S*", "", str(error)).strip() or type(error).__name__
    return text[:200]
