"""Images into a registry: blobs first, several at once; then what points to them; the name last."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import IO, Any

import httpx

from polyfn.toolchain.artifacts.oci import media, reference
from polyfn.toolchain.artifacts.oci.blobs import Blobs
from polyfn.toolchain.artifacts.oci.index import Whole
from polyfn.toolchain.artifacts.oci.media import Descriptor, canonical
from polyfn.toolchain.artifacts.oci.reference import Reference
from polyfn.toolchain.artifacts.oci.registry import Registry, StoppedError, pushing
from polyfn.toolchain.artifacts.oci.upload import Progress, Transfer, Upload
from polyfn.toolchain.errors import ArtifactError, RegistryError, UsageError

#: Uploads at once (as go-containerregistry has it).
_AT_ONCE = 4


@dataclass(frozen=True)
class Pushed:
    """What was pushed: the exact reference, and what became of each blob."""

    reference: Reference
    transfers: tuple[Transfer, ...]


def push(
    found: Whole,
    to: Reference,
    registry: Registry,
    *,
    tags: Sequence[str] = (),
    progress: Progress = lambda _: None,
    mount: Sequence[str] = (),
) -> Pushed:
    """Push an image, or an index of several, with the SBOMs that belong to it, under each tag.

    `mount` are repositories of the same registry that may have blobs already; those of the base
    images are asked by themselves. Raises RegistryError, ArtifactError.
    """
    sources = [*mount, *_sources(found, to)]
    uploads = [
        Upload(registry, to, what, _opening(source, what), sources, progress)
        for what, source in sorted(found.blobs.values(), key=lambda pair: -pair[0].size)
    ]
    transfers = _uploaded(uploads, registry)
    referring = {one.digest for one in found.referrers}
    for what, data in found.documents.values():
        if what.digest not in referring and what.digest != found.top.digest:
            put(registry, to, what, data, what.digest)
    for one in found.referrers:
        _refer(registry, to, *found.documents[one.digest], one)
    top, data = found.documents[found.top.digest]
    for name in tags or [top.digest]:
        put(registry, to, top, data, name)
    return Pushed(to.at(top.digest), transfers)


def _uploaded(uploads: Sequence[Upload], registry: Registry) -> tuple[Transfer, ...]:
    """Do several at once; where one fails, or on an interrupt, the others end soon."""

    def one(upload: Upload) -> Transfer:
        try:
            registry.go_on()
            return upload.run()
        except BaseException:
            registry.stop()
            raise

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = [pool.submit(one, upload) for upload in uploads]
        try:
            wait(running)
        except BaseException:
            registry.stop()
            raise
    failures = [failure for task in running if (failure := task.exception()) is not None]
    if failures:
        raise min(failures, key=lambda failure: isinstance(failure, StoppedError))
    return tuple(task.result() for task in running)


def put(registry: Registry, to: Reference, what: Descriptor, data: bytes, name: str) -> httpx.Response:
    """Write a manifest under a tag or its digest. Raises RegistryError, also if another digest comes back."""
    headers = {"Content-Type": what.media_type, "Content-Length": str(len(data))}
    wire = registry.wire(to)

    def attempt() -> httpx.Response:
        with wire.once(
            "PUT", f"/v2/{to.repository}/manifests/{name}", to=to, scopes=pushing(to), headers=headers,
            body=lambda: [data], fine=(201, 202),
        ) as response:  # fmt: skip
            return response

    response = wire.again(attempt)
    told = response.headers.get("docker-content-digest", what.digest)
    if told.partition(":")[0] == what.digest.partition(":")[0] and told != what.digest:
        raise RegistryError(f"{to.host} stored something else than was sent", hint="do not trust it")
    return response


def pushable(text: str, more: Sequence[str]) -> tuple[Reference, list[str]]:
    """Read the reference to push to, and return the tags with it. Raises UsageError."""
    to = reference.parse(text)
    if to.digest is not None:
        raise UsageError(
            f"{text} names content that is there already", hint="give a tag, or none: host/name:tag"
        )
    for tag in more:
        if not reference.is_tag(tag):
            raise UsageError(
                f"--tag {tag!r} is no tag", hint="a tag has up to 128 letters, digits, and _ . - inside"
            )
    tags = [*([to.tag] if to.tag else []), *more] or ["latest"]
    return replace(to, tag=None), list(dict.fromkeys(tags))


def _opening(source: Blobs, what: Descriptor) -> Callable[[], IO[bytes]]:
    return lambda: source.open(what.digest)


def _sources(found: Whole, to: Reference) -> list[str]:
    """The repositories of this registry that the base images are in."""
    sources = []
    for name in found.bases:
        try:
            base = reference.parse(name)
        except UsageError:
            continue
        if base.host == to.host and base.repository != to.repository:
            sources.append(base.repository)
    return sources


def _refer(registry: Registry, to: Reference, what: Descriptor, data: bytes, one: Descriptor) -> None:
    """Write a manifest that refers to an image; list it where the registry does not do so itself.

    Then it gives no header OCI-Subject, and clients look for the tag sha256-<digest> (distribution-spec,
    "Referrers Tag Schema").
    """
    response = put(registry, to, what, data, what.digest)
    subject = media.descriptor(media.parsed(data, what.digest).get("subject"))
    if response.headers.get("oci-subject"):
        return
    tag = subject.digest.replace(":", "-")
    listed = [told for told in _listed(registry, replace(to, tag=tag)) if told.get("digest") != one.digest]
    index: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media.INDEX,
        "manifests": [*listed, one.document()],
    }
    written = canonical(index)
    put(registry, to, Descriptor(media.INDEX, media.digest_of(written), len(written)), written, tag)


def _listed(registry: Registry, where: Reference) -> list[dict[str, Any]]:
    try:
        _, data = registry.manifest(where)
        listed = json.loads(data).get("manifests")
    except RegistryError as error:
        if error.status != 404:
            raise
        return []
    except ArtifactError:
        return []
    return [told for told in listed if isinstance(told, dict)] if isinstance(listed, list) else []
