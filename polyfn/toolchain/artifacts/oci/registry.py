"""Registries: what is read from them, manifests by platform and blobs, each verified by its digest.

Facts: https://github.com/opencontainers/distribution-spec (1.1), "Pull".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Self

import httpx

from polyfn.toolchain.artifacts.oci import blobs, media
from polyfn.toolchain.artifacts.oci.media import Descriptor, descriptor
from polyfn.toolchain.artifacts.oci.reference import Reference
from polyfn.toolchain.artifacts.oci.wire import Wire
from polyfn.toolchain.errors import ArtifactError, RegistryError

_ACCEPT = ", ".join(sorted(media.MANIFESTS | media.INDEXES))
_CHUNK = 1 << 16


class StoppedError(RegistryError):
    """Another thread failed: what it raised tells more."""


@dataclass
class Registry:
    """All registries that are spoken to, each over connections that are kept. For several threads.

    `log` is told what people should know. `sleep` waits between attempts, as long as nobody says `stop`.
    """

    log: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], object] | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _wires: dict[str, Wire] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._wires.values():
            wire.close()

    def stop(self) -> None:
        """Let what other threads have under way fail soon."""
        self._stopped.set()

    def go_on(self) -> None:
        """Raise StoppedError after `stop`."""
        if self._stopped.is_set():
            raise StoppedError("it was stopped", hint="do it again")

    def _wait(self, seconds: float) -> None:
        (self.sleep or self._stopped.wait)(seconds)
        self.go_on()

    def wire(self, to: Reference) -> Wire:
        """Return the connections to a registry."""
        with self._lock:
            if to.host not in self._wires:
                self._wires[to.host] = Wire(to.host, to.url, self.log, self._wait)
            return self._wires[to.host]

    def manifest(self, of: Reference) -> tuple[Descriptor, bytes]:
        """Return a manifest or an index, verified. Raises RegistryError, ArtifactError."""
        response = self._get(of, f"/v2/{of.repository}/manifests/{of.target}", media.DOCUMENT_LIMIT, _ACCEPT)
        data, told = response.content, response.headers.get("docker-content-digest", "")
        kind = media.parsed(data, str(of)).get("mediaType") or response.headers.get("content-type", "")
        digest = of.digest or media.digest_of(data)
        what = Descriptor(str(kind).partition(";")[0].strip(), digest, len(data))
        blobs.verified(what, data)
        if told.startswith("sha256:") and digest.startswith("sha256:") and told != digest:
            raise ArtifactError(
                f"the manifest of {of} is not what {of.host} says it is", hint="do not trust it"
            )
        return what, data

    def image(self, of: Reference, arch: str) -> tuple[Descriptor, bytes]:
        """Return the manifest of an image for Linux on an architecture.

        Raises RegistryError, ArtifactError.
        """
        what, data = self.manifest(of)
        if what.media_type in media.MANIFESTS:
            return what, data
        if what.media_type not in media.INDEXES:
            raise ArtifactError(f"{of} is no image but {what.media_type[:100]!r}", hint="check the reference")
        listed = media.parsed(data, str(of)).get("manifests")
        there = [descriptor(told) for told in (listed if isinstance(listed, list) else [])]
        for one in there:
            if (one.platform.get("os"), one.platform.get("architecture")) == ("linux", arch):
                return self.manifest(of.at(one.digest))
        has = sorted({f"{one.platform.get('os')}/{one.platform.get('architecture')}" for one in there})
        raise ArtifactError(
            f"{of} is not for linux/{arch}: it is for {', '.join(has)}", hint="choose another"
        )

    def small(self, of: Reference, what: Descriptor) -> bytes:
        """Return a small blob, verified. Raises RegistryError, ArtifactError."""
        if what.size > media.DOCUMENT_LIMIT:
            raise ArtifactError(f"{what.digest} has {what.size:,} bytes", hint=media.DAMAGED)
        data = self._get(of, f"/v2/{of.repository}/blobs/{what.digest}", what.size).content
        blobs.verified(what, data)
        return data

    def download(self, of: Reference, what: Descriptor, sink: IO[bytes]) -> None:
        """Write a blob to a file, verified. Raises RegistryError, ArtifactError."""
        start = sink.tell()

        def attempt() -> httpx.Response:
            sink.seek(start)
            sink.truncate()
            place = f"/v2/{of.repository}/blobs/{what.digest}"
            with self.wire(of).once("GET", place, to=of, scopes=pulling(of)) as response:
                blobs.copied(_Stream(response.iter_raw(_CHUNK)), what, sink)  # type: ignore[arg-type]
                return response

        self.wire(of).again(attempt)

    def has(self, to: Reference, what: Descriptor) -> bool:
        """Whether a repository has a blob already. Raises RegistryError."""
        return self.head(to, f"/v2/{to.repository}/blobs/{what.digest}") is not None

    def head(self, to: Reference, place: str) -> httpx.Response | None:
        """Return what is told of something, None where it is not there. Raises RegistryError."""
        scopes, headers = pushing(to), {"Accept": _ACCEPT}

        def attempt() -> httpx.Response:
            with self.wire(to).once(
                "HEAD", place, to=to, scopes=scopes, headers=headers, fine=(200, 404)
            ) as response:
                return response

        response = self.wire(to).again(attempt)
        return response if response.status_code == 200 else None

    def _get(self, of: Reference, place: str, limit: int, accept: str = "*/*") -> httpx.Response:
        def attempt() -> httpx.Response:
            headers = {"Accept": accept}
            with self.wire(of).once("GET", place, to=of, scopes=pulling(of), headers=headers) as response:
                data = b""
                for chunk in response.iter_raw(_CHUNK):
                    data += chunk
                    if len(data) > limit:
                        raise RegistryError(
                            f"{of.host} gives more than {limit:,} bytes for {of}", hint="do not trust it"
                        )
                return httpx.Response(200, headers=response.headers, content=data)

        return self.wire(of).again(attempt)


def pulling(of: Reference) -> tuple[str, ...]:
    """Return what one must be allowed to do for reading."""
    return (f"repository:{of.repository}:pull",)


def pushing(to: Reference, *sources: str) -> tuple[str, ...]:
    """Return what one must be allowed to do for writing, and for mounting from other repositories."""
    more = tuple(f"repository:{source}:pull" for source in sources)
    return (f"repository:{to.repository}:pull,push", *more)


class _Stream:
    """Chunks as a file that can be read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def read(self, size: int) -> bytes:
        """Return up to so many bytes, none at the end."""
        data: Any = self._rest or next(self._chunks, b"")
        self._rest = data[size:]
        return bytes(data[:size])
