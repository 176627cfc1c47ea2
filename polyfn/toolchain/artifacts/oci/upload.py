"""Blobs into a registry: mounted from another repository, in one request, or in chunks.

Facts: https://github.com/opencontainers/distribution-spec (1.1), "Push". Not every registry takes chunks, so
one request is tried first; what stands before a registry may limit its size, and says so with 413.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO, Literal
from urllib.parse import quote

import httpx

from polyfn.toolchain.artifacts.oci.media import Descriptor
from polyfn.toolchain.artifacts.oci.reference import Reference
from polyfn.toolchain.artifacts.oci.registry import Registry, pushing
from polyfn.toolchain.artifacts.oci.retries import TemporaryError
from polyfn.toolchain.errors import RegistryError

#: Bytes of a chunk, where chunks are needed, unless the registry asks for more.
CHUNK = 8 << 20
_READ = 1 << 18

State = Literal["waiting", "there", "mounted", "uploading", "uploaded"]


@dataclass
class Transfer:
    """A blob on its way. `done` and `size` are in bytes; `done` falls back where an attempt failed."""

    digest: str
    size: int
    state: State = "waiting"
    done: int = 0


#: Is told of each step of a transfer, from any thread.
Progress = Callable[[Transfer], None]


@dataclass
class Upload:
    """One blob into one repository. `open` opens its content, each time from the start."""

    registry: Registry
    to: Reference
    what: Descriptor
    open: Callable[[], IO[bytes]]
    #: Repositories of the same registry that may have it.
    sources: Sequence[str] = ()
    progress: Progress = lambda _: None
    transfer: Transfer = field(init=False)

    def __post_init__(self) -> None:
        self.transfer = Transfer(self.what.digest, self.what.size)

    def run(self) -> Transfer:
        """Bring it there, unless it is. Raises RegistryError."""
        if self.registry.has(self.to, self.what):
            return self._now("there", self.what.size)
        for source in self.sources:
            if self._mounted(source):
                return self._now("mounted", self.what.size)
        self._now("uploading", 0)
        self.registry.wire(self.to).again(self._attempt)
        return self._now("uploaded", self.what.size)

    def _now(self, state: State, done: int) -> Transfer:
        self.transfer.state, self.transfer.done = state, done
        self.progress(self.transfer)
        return self.transfer

    def _mounted(self, source: str) -> bool:
        """Whether the registry lets this repository share a blob of another. If not, nothing is lost."""
        query = f"?mount={quote(self.what.digest)}&from={quote(source)}"

        def attempt() -> httpx.Response:
            with self._send("POST", self._uploads + query, fine=(201, 202), sources=(source,)) as response:
                return response

        try:
            response = self.registry.wire(self.to).again(attempt)
        except RegistryError:
            return False  # one may not read there, say
        if response.status_code == 201:
            return True
        self._cancel(response)
        return False

    def _cancel(self, response: httpx.Response) -> None:
        """Give up the upload that was begun instead of a mount: each attempt begins one of its own."""
        try:
            with self._send("DELETE", self._location(response), fine=range(200, 500)):
                pass
        except Exception:  # noqa: BLE001  the registry forgets it by itself, some day
            self.registry.log(f"{self.to.host} keeps an upload that nobody needs")

    @property
    def _uploads(self) -> str:
        return f"/v2/{self.to.repository}/blobs/uploads/"

    def _attempt(self) -> httpx.Response:
        """Begin anew: an upload that broke off may be gone, or have come to its end unseen."""
        if self.transfer.done and self.registry.has(self.to, self.what):
            return httpx.Response(201)
        begun = self._begin()
        try:
            return self._whole(begun)
        except RegistryError as error:
            if error.status != 413:
                raise
        begun = self._begin()
        return self._chunked(begun)

    def _begin(self) -> httpx.Response:
        with self._send("POST", self._uploads, fine=(202,)) as response:
            return response

    def _whole(self, begun: httpx.Response) -> httpx.Response:
        place = self._finishing(self._location(begun))
        with self._send(
            "PUT", place, fine=(201, 204), size=self.what.size, body=lambda: self._read(0, self.what.size)
        ) as response:
            return response

    def _chunked(self, begun: httpx.Response) -> httpx.Response:
        least = begun.headers.get("oci-chunk-min-length", "")
        chunk = max(CHUNK, int(least) if least.isdigit() else 0)
        place, done = self._location(begun), 0
        while done < self.what.size:
            end = min(done + chunk, self.what.size)
            place, done = self._chunk(place, done, end)
        with self._send("PUT", self._finishing(place), fine=(201, 204), size=0) as response:
            return response

    def _chunk(self, place: str, start: int, end: int) -> tuple[str, int]:
        """Send one chunk; return where the next one goes, and where it begins.

        Raises TemporaryError where the upload has to begin anew.
        """

        def attempt() -> httpx.Response:
            with self._send(
                "PATCH", place, fine=(202, 404, 416), size=end - start, span=(start, end),
                body=lambda: self._read(start, end),
            ) as response:  # fmt: skip
                return response

        response = self.registry.wire(self.to).again(attempt)
        if response.status_code == 202:
            return self._location(response), end
        # An attempt before this one came through, or in part: the registry may know how far.
        with self._send("GET", place, fine=(204, 404)) as told:
            match = re.fullmatch(r"(?:bytes=)?0-(\d+)", told.headers.get("range", ""))
            done = int(match[1]) + 1 if match else 0
            if told.status_code == 204 and start < done <= end:
                return self._location(told), done
        raise TemporaryError(RegistryError(f"{self.to.host} lost its place in an upload", hint="push again"))

    def _location(self, response: httpx.Response) -> str:
        return self.registry.wire(self.to).location(response)

    def _finishing(self, place: str) -> str:
        return f"{place}{'&' if '?' in place else '?'}digest={quote(self.what.digest)}"

    def _send(
        self,
        method: str,
        place: str,
        *,
        fine: Sequence[int],
        size: int | None = None,
        span: tuple[int, int] | None = None,
        body: Callable[[], Iterator[bytes]] | None = None,
        sources: Sequence[str] = (),
    ) -> AbstractContextManager[httpx.Response]:
        headers = {"Content-Length": str(size or 0)} if method != "GET" else {}
        if size is not None:
            headers["Content-Type"] = "application/octet-stream"
        if span is not None:
            headers["Content-Range"] = f"{span[0]}-{span[1] - 1}"
        return self.registry.wire(self.to).once(
            method,
            place,
            to=self.to,
            scopes=pushing(self.to, *sources),
            headers=headers,
            body=body,
            fine=fine,
        )

    def _read(self, start: int, end: int) -> Iterator[bytes]:
        with self.open() as file:
            file.seek(start)
            while start < end and (data := file.read(min(_READ, end - start))):
                self.registry.go_on()
                self.transfer.done = start
                self.progress(self.transfer)
                start += len(data)
                yield data
