"""Answers what a registry asks before it lets anybody in: Basic, or a Bearer token from its service.

Facts: https://distribution.github.io/distribution/spec/auth/token/ and .../oauth/; RFC 9110, 11.6.1
(several challenges in one header).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from polyfn.toolchain.artifacts.oci.credentials import Credential
from polyfn.toolchain.artifacts.oci.reference import loopback
from polyfn.toolchain.errors import RegistryError

#: Seconds that a token is good for if nobody says (token specification), and that it is dropped early.
_GOOD, _EARLY = 60, 10
_CHALLENGE = re.compile(r"(?:^|,)\s*(?P<scheme>[A-Za-z][\w-]*)\s+(?=[\w-]+\s*=)")
_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')

#: Sends a request for a token: method, URL, query, form, headers.
Send = Callable[[str, str, Mapping[str, str], Mapping[str, str], Mapping[str, str]], httpx.Response]


def challenges(headers: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the parameters of each scheme of WWW-Authenticate, in lower case."""
    found: dict[str, dict[str, str]] = {}
    for text in headers:
        starts = list(_CHALLENGE.finditer(text))
        if not starts:
            found.setdefault(text.strip().partition(" ")[0].rstrip(",").lower(), {})
            continue
        ends = [match.start() for match in starts[1:]] + [len(text)]
        for match, end in zip(starts, ends, strict=True):
            words = _PARAMETER.findall(text[match.end() : end])
            told = {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in words}
            found.setdefault(match["scheme"].lower(), told)
    return found


@dataclass
class Tokens:
    """What one registry was answered, so that it need not ask again. For several threads."""

    host: str
    credential: Callable[[str], Credential | None]
    send: Send
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _bearer: dict[tuple[str, ...], tuple[str, float]] = field(default_factory=dict)
    _basic: str | None = None

    def header(self, scopes: Sequence[str]) -> str | None:
        """Return what to send at once, if it is known already."""
        with self._lock:
            token, until = self._bearer.get(tuple(scopes), ("", 0.0))
            return f"Bearer {token}" if time.monotonic() < until else self._basic

    def answer(
        self, headers: Sequence[str], scopes: Sequence[str], repository: str, used: str | None
    ) -> bool:
        """Get what the challenges ask for; return whether it is worth asking again. Raises RegistryError."""
        with self._lock:
            now = self.header(scopes)
            if now is not None and now != used:
                return True  # another thread got it
            self._bearer.pop(tuple(scopes), None)
            found = challenges(headers)
            if "bearer" in found:
                self._bearer[tuple(scopes)] = self._token(found["bearer"], scopes, repository)
                return self.header(scopes) != used
            if "basic" in found:
                who = self.credential(repository)
                self._basic = who.basic if who is not None else None
                return self._basic is not None and self._basic != used
        return False

    def _token(
        self, challenge: Mapping[str, str], scopes: Sequence[str], repository: str
    ) -> tuple[str, float]:
        realm, service = challenge.get("realm", ""), challenge.get("service", "")
        place = urlsplit(realm)
        if place.scheme != "https" and not (place.scheme == "http" and loopback(place.netloc)):
            raise RegistryError(
                f"{self.host} wants a token from {place.scheme}://{place.hostname}, which is not encrypted",
                hint="do not trust it with credentials",
            )
        wanted = " ".join(scopes) or challenge.get("scope", "")
        asked = {name: text for name, text in (("service", service), ("scope", wanted)) if text}
        who = self.credential(repository)
        if who is not None and who.identity_token:
            form = {"grant_type": "refresh_token", "client_id": "polyfn", "refresh_token": who.identity_token}
            return self._read(self.send("POST", realm, {}, {**asked, **form}, {}))
        basic = who.basic if who is not None else None
        return self._read(self.send("GET", realm, asked, {}, {"Authorization": basic} if basic else {}))

    def _read(self, response: httpx.Response) -> tuple[str, float]:
        try:
            told = response.json() if response.status_code == 200 else {}
            token = told.get("token") or told.get("access_token")
            seconds = float(told.get("expires_in") or _GOOD)
        except (ValueError, AttributeError, TypeError):
            token, seconds = None, _GOOD
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise RegistryError(
                f"{self.host} gives no token (status {response.status_code})",
                hint=f"log in again: docker login {self.host}, or your cloud's helper for it",
            )
        return token, time.monotonic() + max(seconds - _EARLY, 5)
