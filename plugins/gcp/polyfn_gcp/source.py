"""What Google deploys from source: the bundle without an interpreter, and what starts it with Google's.

Nothing of it has to be built: the dependencies are inside. `gcloud run deploy --source DIR` has Google's
buildpacks wrap it, which read Procfile and .python-version; the deployment without a build
(`--no-build --base-image python313 --command python --args main.py`) takes it as it is
(https://cloud.google.com/run/docs/deploying-source-code).
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from polyfn.toolchain.bundle import digests
from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Artifact, Build

#: Bytes that the deployment without a build takes.
LIMIT = 250 * 1024 * 1024
#: Run by Google's Python, whichever it is; the process is replaced, so that SIGTERM reaches it.
_MAIN = '''\
"""Made by polyfn: starts the functions with the Python that runs this."""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
os.execv(sys.executable, [sys.executable, "-I", "-S", "-X", "utf8", os.path.join(here, "start.py")])
'''


def package(build: Build) -> Artifact:
    """Write the directory. Raises ArtifactError for what Google would not run."""
    bundle = build.bundle
    if bundle.interpreter != "platform":
        raise ArtifactError(
            "--format source is run by Google's own Python, and an interpreter was asked for",
            hint="leave --interpreter out, or make an image",
        )
    if bundle.arch != "amd64":
        raise ArtifactError(
            f"Google runs what it is given as source on amd64, and this is for {bundle.arch}",
            hint="leave --arch out, or make an image",
        )
    path = build.out / f"{build.project}-gcp-source"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(bundle.root, path, symlinks=True)
    (path / "main.py").write_text(_MAIN, encoding="utf-8")
    (path / "Procfile").write_text("web: python main.py\n", encoding="utf-8")
    (path / ".python-version").write_text(f"{bundle.python}\n", encoding="utf-8")
    return _described(build, path)


def _described(build: Build, path: Path) -> Artifact:
    files = [path / name for name in digests.walk(path)]
    size = sum(file.lstat().st_size for file in files)
    if size > LIMIT:
        build.log(
            f"{path.name} has {size / 1e6:.0f} MB: without a build Google takes {LIMIT / 1e6:.0f} MB at most"
        )
    digest = hashlib.sha256(digests.tree(path).encode()).hexdigest()
    return Artifact(path, "gcp", build.bundle.arch, digest, size, size, len(files))
