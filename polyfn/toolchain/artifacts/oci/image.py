"""Makes an image: layers, the config that says how they are run, the manifest that names both.

Facts: image-spec 1.1, config.md, manifest.md and annotations.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyfn.toolchain.artifacts.oci import media, sbom
from polyfn.toolchain.artifacts.oci.base import Base
from polyfn.toolchain.artifacts.oci.layers import Layer, LayerSpec, write_layer
from polyfn.toolchain.artifacts.oci.layout import Layout, making, sha256_of
from polyfn.toolchain.artifacts.oci.media import Descriptor, texts
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Arch

#: The user that images without a root shell have by custom (distroless calls it nonroot).
NONROOT = "65532:65532"
#: What a base image says of itself and not of what is built upon it.
_OWN = "org.opencontainers.image."
_OF_BASE = ("Cmd", "Entrypoint", "Healthcheck", "OnBuild", "ArgsEscaped", "Image", "Hostname", "Domainname")


@dataclass(frozen=True)
class ImageSpec:
    """An image to be made.

    | attribute | content |
    |---|---|
    | `layers` | from the one that changes least to the one that changes most |
    | `entrypoint`, `command` | what is executed and its arguments, each word by itself: no shell is between |
    | `env` | added to that of the base image |
    | `user` | `uid:gid`; a number, as a base without /etc/passwd knows no names |
    | `labels` | in the config, as `docker inspect` shows them |
    | `annotations` | in the manifest, as registries show them |
    | `base` | what it is built upon; None for nothing (scratch) |
    | `ports` | that it listens on, for information: `8080/tcp` |
    | `name`, `tag` | what it is called after `docker load` |
    """

    arch: Arch
    layers: Sequence[LayerSpec]
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = NONROOT
    workdir: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    base: Base | None = None
    ports: Sequence[str] = ()
    name: str = "image"
    tag: str = "latest"


@dataclass(frozen=True)
class Written:
    """What was written.

    `sha256` is of the archive; a layout directory has that of its manifest. `digest` is the
    manifest's. Sizes are in bytes; `unpacked_size` and `files` are of the layers that were made,
    without the base's.
    """

    sha256: str
    digest: str
    size: int
    unpacked_size: int
    files: int
    layers: tuple[Layer, ...] = ()


def write(
    spec: ImageSpec, out: Path, *, epoch: int, archive: bool = True, kept: Path | None = None
) -> Written:
    """Write an image: an oci-archive that docker loads as well, or a layout directory.

    The same files give the same bytes. `kept` is a directory in which the compressed form of what is big
    is kept for the next time. The image has its SBOM with it. Raises ArtifactError.
    """
    _refuse(spec)
    with making(out, archive=archive, epoch=epoch) as layout:
        made = [write_layer(one, layout.blobs, epoch=epoch, kept=kept) for one in spec.layers]
        layers = tuple(layer for layer in made if layer is not None)
        manifest = _manifest(spec, layers, layout, epoch)
        layout.finish([manifest], name=spec.name, tag=spec.tag)
        referrer = sbom.attach(layout, manifest, name=out.name, epoch=epoch)
        layout.finish([manifest], name=spec.name, tag=spec.tag, referrers=[referrer.digest])
        size = sum(path.stat().st_size for path in layout.root.rglob("*") if path.is_file())
    return Written(
        sha256=sha256_of(out) if archive else manifest.digest.partition(":")[2],
        digest=manifest.digest,
        size=out.stat().st_size if archive else size,
        unpacked_size=sum(layer.unpacked_size for layer in layers),
        files=sum(layer.files for layer in layers),
        layers=layers,
    )


def _refuse(spec: ImageSpec) -> None:
    user = (spec.user or "").partition(":")[0]
    if user in ("0", "root"):
        raise ArtifactError("the image would run as root", hint=f"give another user, as uid:gid: {NONROOT}")
    if not spec.entrypoint or isinstance(spec.entrypoint, str):
        raise ArtifactError(
            "the image has no entrypoint that can be executed without a shell",
            hint="give the program and its arguments as a list of words",
        )
    base = spec.base
    if base is not None and (base.os, base.arch) != ("linux", spec.arch):
        raise ArtifactError(
            f"the base image {base.name} is for {base.os}/{base.arch}, and the image for linux/{spec.arch}",
            hint="choose a base image that is there for every architecture you package for",
        )


def _manifest(spec: ImageSpec, layers: Sequence[Layer], layout: Layout, epoch: int) -> Descriptor:
    base = spec.base
    below = base.layers if base is not None else []
    if base is not None:
        for one in below:
            with layout.place(one).open("wb") as file:
                base.copy(one, file)
    config = layout.put(_config(spec, layers, epoch), media.CONFIG)
    annotations = {media.CREATED: media.moment(epoch), media.TITLE: spec.name}
    if base is not None:
        annotations |= {
            media.BASE_DIGEST: base.digest,
            **({media.BASE_NAME: base.name} if base.remote else {}),
        }
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media.MANIFEST,
        "config": config.document(),
        "layers": [one.document() for one in [*below, *(layer.descriptor for layer in layers)]],
        "annotations": {**annotations, **spec.annotations},
    }
    made = layout.put(document, media.MANIFEST)
    return Descriptor(made.media_type, made.digest, made.size, platform=_platform(spec))


def _platform(spec: ImageSpec) -> dict[str, str]:
    platform = {"architecture": spec.arch, "os": "linux"}
    return {**platform, **({"variant": spec.base.variant} if spec.base and spec.base.variant else {})}


def _config(spec: ImageSpec, layers: Sequence[Layer], epoch: int) -> dict[str, Any]:
    base, created = spec.base, media.moment(epoch)
    told = base.config if base is not None else {}
    before = told.get("rootfs", {}).get("diff_ids", []), told.get("history", [])
    added = [{"created": created, "created_by": f"polyfn: {layer.name}"} for layer in layers]
    return {
        **_platform(spec),
        "created": created,
        "config": _run(spec, told.get("config") or {}),
        "rootfs": {"type": "layers", "diff_ids": [*before[0], *(layer.diff_id for layer in layers)]},
        "history": [*before[1], *added],
    }


def _run(spec: ImageSpec, base: Mapping[str, Any]) -> dict[str, Any]:
    """How it is run: the base's words, but for what is only true of the base, and ours over them."""
    inherited = {name: value for name, value in base.items() if name not in _OF_BASE}
    variables = dict(one.partition("=")[::2] for one in base.get("Env") or ())
    labels = {name: text for name, text in texts(base.get("Labels")).items() if not name.startswith(_OWN)}
    ports = {**(base.get("ExposedPorts") or {}), **{port: {} for port in spec.ports}}
    told = {
        "User": spec.user or base.get("User"),
        "Env": [f"{name}={value}" for name, value in {**variables, **spec.env}.items()],
        "Entrypoint": list(spec.entrypoint),
        "Cmd": list(spec.command),
        "WorkingDir": spec.workdir or base.get("WorkingDir"),
        "Labels": {**labels, **spec.labels},
        "ExposedPorts": ports,
    }
    return {**inherited, **{name: value for name, value in told.items() if value}}
