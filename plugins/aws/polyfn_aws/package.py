"""Wraps a bundle as the zip that Lambda runs.

The zip is the bundle, and beside its start script the program that `provided.al2023` executes:
`bootstrap`, at the root and executable (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html).
A bundle without an interpreter is for the managed runtime `python3.x` and gets a handler instead.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from polyfn.toolchain.artifacts.zip import write_zip
from polyfn.toolchain.bundle import pack
from polyfn.toolchain.bundle.launcher import launcher
from polyfn.toolchain.bundle.script import FLAGS, start_script
from polyfn.toolchain.cache import cache_folder
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Artifact, Build, Bundle
from polyfn_aws import shim
from polyfn_aws.rules import DIRECT_LIMIT, UNPACKED_LIMIT

_ROOT_VARIABLE = "LAMBDA_TASK_ROOT"


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
        _bootstrap(bundle)
    path = build.out / f"{build.project}-aws-{bundle.arch}.zip"
    written = write_zip(bundle.root, path, epoch=build.epoch, kept=cache_folder() / "deflated")
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


def _bootstrap(bundle: Bundle) -> None:
    """Write what Lambda executes. It may run a copy that lies outside of the task's directory."""
    path = bundle.root / "bootstrap"
    start = pack.START if (bundle.root / pack.START).exists() else "start.py"
    if len(bundle.command) == 1 and not bundle.command[0].startswith("/"):
        words = (*bundle.command, *FLAGS, start)
        path.write_bytes(launcher(bundle.arch, words, root_variable=_ROOT_VARIABLE))
    else:
        text = start_script(bundle.command, root_variable=_ROOT_VARIABLE, start=start)
        path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


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
