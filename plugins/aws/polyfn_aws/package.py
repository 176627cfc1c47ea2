"""Wraps a bundle as the zip that Lambda runs.

The zip is the bundle, with the start script under the name that `provided.al2023` executes:
`bootstrap`, at the root and executable (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html).
A bundle without an interpreter is for the managed runtime `python3.x` and gets a handler instead.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from polyfn.toolchain.artifacts.zip import write_zip
from polyfn.toolchain.bundle.script import start_script
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Artifact, Build
from polyfn_aws import shim

#: Bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
UNPACKED_LIMIT = 262_144_000
#: Bytes of a zip that can be uploaded directly; larger ones go through S3.
DIRECT_LIMIT = 50 * 1024 * 1024


def package(build: Build) -> Artifact:
    """Write `<project>-aws-<arch>.zip`. Raises ArtifactError for what Lambda would refuse."""
    bundle = build.bundle
    sizes = _sizes(bundle.root)
    if sum(sizes.values()) > UNPACKED_LIMIT:
        raise ArtifactError(
            f"unpacked, the artifact has {_mb(sum(sizes.values()))}; Lambda takes {_mb(UNPACKED_LIMIT)}\n"
            + _biggest(sizes),
            hint="leave out what the function does not import, or deploy it as a container image",
        )
    if bundle.interpreter == "platform":
        example = build.manifest.functions[0].name
        (bundle.root / f"{shim.MODULE}.py").write_text(shim.text(example), encoding="utf-8")
        build.log(f"for the runtime python{bundle.python}: set the handler to {shim.MODULE}.{example}")
    else:
        # Lambda may run a copy of the bootstrap outside the task's directory, so that $0 is not enough.
        bootstrap = (bundle.root / "start").rename(bundle.root / "bootstrap")
        text = start_script(bundle.command, root_variable="LAMBDA_TASK_ROOT")
        bootstrap.write_text(text, encoding="utf-8")
    path = build.out / f"{build.project}-aws-{bundle.arch}.zip"
    written = write_zip(bundle.root, path, epoch=build.epoch)
    if written.size > DIRECT_LIMIT:
        build.log(
            f"{path.name} has {_mb(written.size)}; above {_mb(DIRECT_LIMIT)} "
            f"it has to be uploaded through S3\n{_biggest(sizes)}"
        )
    return Artifact(
        path=path,
        target="aws",
        arch=bundle.arch,
        sha256=written.sha256,
        size=written.size,
        unpacked_size=written.unpacked_size,
        files=written.files,
    )


def _sizes(root: Path) -> Counter[str]:
    """Bytes per part of the bundle: each package of `site` on its own, the other folders whole."""
    sizes: Counter[str] = Counter()
    for folder, _, files in os.walk(root):
        inside = Path(folder).relative_to(root).parts
        for name in files:
            parts = (*inside, name)
            part = "/".join(parts[:2]) if parts[0] == "site" else parts[0]
            sizes[part] += Path(folder, name).lstat().st_size
    return sizes


def _biggest(sizes: Counter[str]) -> str:
    return "\n".join(f"  {_mb(size):>9}  {name}" for name, size in sizes.most_common(5))


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
