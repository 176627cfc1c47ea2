"""The image that another is built upon: from a layout, an archive or a registry."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from polyfn.toolchain.artifacts.oci import blobs, media, reference
from polyfn.toolchain.artifacts.oci.blobs import Blobs, platform_of
from polyfn.toolchain.artifacts.oci.media import LAYER, LAYERS, Descriptor, descriptor
from polyfn.toolchain.artifacts.oci.registry import Registry
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Arch

#: What says that there is none.
SCRATCH = "scratch"

Copy = Callable[[Descriptor, IO[bytes]], None]


@dataclass(frozen=True)
class Base:
    """An image to build upon, of one architecture.

    `name` is as its maker calls it, a reference if it is `remote`. `copy` writes a layer to a file, verified.
    """

    name: str
    digest: str
    manifest: Mapping[str, Any]
    config: Mapping[str, Any]
    remote: bool
    copy: Copy

    @property
    def arch(self) -> str:
        """The architecture."""
        return str(self.config.get("architecture"))

    @property
    def os(self) -> str:
        """The system."""
        return str(self.config.get("os"))

    @property
    def variant(self) -> str | None:
        """Which kind of the architecture, if it tells."""
        return platform_of(self.config).get("variant")

    @property
    def layers(self) -> list[Descriptor]:
        """Its layers, the lowest first, under OCI's media types. The bytes are the same under docker's."""
        return [_layer(told) for told in self.manifest.get("layers", [])]


@contextmanager
def opened(text: str, arch: Arch, *, registry: Registry, cache: Path | None = None) -> Iterator[Base | None]:
    """Open a base image: a path of a layout or an archive, a reference, or `scratch` for None.

    `cache` is a directory in which what was pulled is kept. Raises UsageError, ArtifactError, RegistryError.
    """
    if text == SCRATCH:
        yield None
    elif local(text):
        with blobs.opened(Path(text)) as found:
            yield _of_blobs(text, found, arch)
    else:
        yield _of_registry(reference.parse(text), arch, registry, cache)


def identity(text: str, arch: Arch, *, registry: Registry) -> str:
    """Return the digest of a base image's manifest, which stands for it in a key of the cache.

    Raises what `opened` raises.
    """
    with opened(text, arch, registry=registry) as base:
        return base.digest if base is not None else SCRATCH


def local(text: str) -> bool:
    """Whether this names a file or a directory, and no image in a registry."""
    return text.startswith(("/", "./", "../")) or Path(text).exists()


def _of_blobs(text: str, found: Blobs, arch: Arch) -> Base:
    what = blobs.chosen(found, arch)
    manifest = blobs.document(found, what)
    config = blobs.document(found, descriptor(manifest.get("config")))

    def copy(one: Descriptor, sink: IO[bytes]) -> None:
        with found.open(one.digest) as file:
            blobs.copied(file, one, sink)

    return _sound(Base(Path(text).name, what.digest, manifest, config, remote=False, copy=copy))


def _of_registry(wanted: reference.Reference, arch: Arch, registry: Registry, cache: Path | None) -> Base:
    what, data = registry.image(wanted, arch)
    manifest = media.parsed(data, what.digest)
    config = media.parsed(registry.small(wanted, descriptor(manifest.get("config"))), "the config")

    def copy(one: Descriptor, sink: IO[bytes]) -> None:
        if cache is None:
            registry.download(wanted, one, sink)
            return
        with _kept(cache, one, lambda file: registry.download(wanted, one, file)).open("rb") as file:
            blobs.copied(file, one, sink)

    return _sound(Base(str(wanted), what.digest, manifest, config, remote=True, copy=copy))


def _kept(cache: Path, one: Descriptor, fetch: Callable[[IO[bytes]], None]) -> Path:
    place = cache / one.digest.replace(":", "-")
    if place.is_file() and place.stat().st_size == one.size:
        return place
    cache.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkstemp(dir=cache, prefix=".part-")[1])
    try:
        with part.open("wb") as file:
            fetch(file)
        os.replace(part, place)
    finally:
        part.unlink(missing_ok=True)
    return place


def _layer(told: Any) -> Descriptor:
    one = descriptor(told)
    packing = LAYERS.get(one.media_type)
    if packing is None:
        raise ArtifactError(
            f"the base image has a layer of the type {one.media_type!r}, which must not be copied",
            hint="choose another base image",
        )
    return Descriptor(LAYER + (f"+{packing}" if packing else ""), one.digest, one.size)


def _sound(base: Base) -> Base:
    rootfs = base.config.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    run, history = base.config.get("config") or {}, base.config.get("history") or []
    sound = isinstance(base.manifest.get("layers", []), list) and isinstance(diff_ids, list)
    if not sound or len(diff_ids or ()) != len(base.layers) or not isinstance(run, dict):
        raise ArtifactError(f"the base image {base.name} is not sound", hint=media.DAMAGED)
    variables = run.get("Env") or []
    if not isinstance(history, list) or not all(isinstance(one, str) for one in variables):
        raise ArtifactError(f"the config of the base image {base.name} is not sound", hint=media.DAMAGED)
    return base
