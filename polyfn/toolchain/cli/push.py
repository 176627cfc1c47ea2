"""`polyfn push`: images into a registry."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from polyfn.toolchain.cli.options import existing, json_option, option
from polyfn.toolchain.cli.output import Output

if TYPE_CHECKING:
    from polyfn.toolchain.artifacts.oci.push import Pushed


@click.command("push", short_help="Push images into a registry.")
@click.argument("artifacts", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="ARTIFACT...")
@click.argument("reference", metavar="REFERENCE")
@option("--tag", multiple=True, metavar="TAG", help="Another tag for the same content.")
@option("--mount", multiple=True, metavar="REPOSITORY",
        help="Repository of the same registry that has some of the layers already.")  # fmt: skip
@json_option
@click.pass_obj
def command(
    output: Output, artifacts: tuple[Path, ...], reference: str, tag: tuple[str, ...], mount: tuple[str, ...]
) -> None:
    """Push images, several architectures' as one, and write the reference to exactly this content.

    The credentials are those of docker and podman, their helpers included.
    """
    from polyfn.toolchain.artifacts.oci import blobs, index
    from polyfn.toolchain.artifacts.oci.push import push, pushable
    from polyfn.toolchain.artifacts.oci.registry import Registry
    from polyfn.toolchain.cli.uploads import shown

    to, tags = pushable(reference, tag)
    for artifact in artifacts:
        existing(artifact, "ARTIFACT")
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(blobs.opened(artifact)) for artifact in artifacts]
        found = index.whole(sources)
        registry = stack.enter_context(Registry(output.say))
        sizes = [what.size for what, _ in found.blobs.values()]
        with shown(output, len(sizes), sum(sizes)) as progress:
            pushed = push(found, to, registry, tags=tags, progress=progress, mount=mount)
    if output.json:
        output.result(_described(pushed, tags))
        return
    output.say(_told(pushed, f"{to.name}:{tags[0]}"))
    output.data(str(pushed.reference))


def _described(pushed: Pushed, tags: list[str]) -> dict[str, Any]:
    blobs = [{"digest": one.digest, "size": one.size, "state": one.state} for one in pushed.transfers]
    digest = pushed.reference.digest
    return {"reference": str(pushed.reference), "digest": digest, "tags": tags, "blobs": blobs}


def _told(pushed: Pushed, called: str) -> str:
    from polyfn.toolchain.report.quantities import size_text

    there = [one for one in pushed.transfers if one.state in ("there", "mounted")]
    sent = sum(one.size for one in pushed.transfers if one not in there)
    return f"{called}: {size_text(sent)} sent, {len(there)} of {len(pushed.transfers)} blobs were there"
