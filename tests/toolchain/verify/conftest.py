import os
import shutil
import zipfile
from pathlib import Path

import pytest

from polyfn.toolchain.packaging import PackageRequest, package
from polyfn_aws.provider import polyfn_provider
from tests import standalone
from tests.toolchain.verify import zips

HELLO = Path(__file__).parents[3] / "examples" / "hello" / "hello.py"


@pytest.fixture(scope="session")
def aws():
    return polyfn_provider()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Real artifacts of examples/hello for each architecture; the interpreter is of Debian's packages."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        # Shared with the other test processes of this run.
        shared = tmp_path_factory.getbasetemp()
        patch.setenv(
            "POLYFN_CACHE", str((shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "cache")
        )
        return {arch: _made(arch, folder) for arch in ("amd64", "arm64")}


def _made(arch, folder):
    interpreter = str(standalone.archive(arch))
    request = PackageRequest(HELLO, "aws", (arch,), python="3.11", interpreter=interpreter, out=folder)
    (artifact,) = package(request)
    return artifact.path


@pytest.fixture
def planted(made, tmp_path):
    """A copy of a real artifact, with more entries in it."""

    def plant(arch, files):
        path = Path(shutil.copy(made[arch], tmp_path / "planted.zip"))
        with zipfile.ZipFile(path, "a") as archive:
            for name, content in files.items():
                zips.add(archive, name, content)
        return path

    return plant


@pytest.fixture
def binary(made):
    """Bytes of a binary of the artifact, by the end of its name."""

    def read(arch, part):
        with zipfile.ZipFile(made[arch]) as archive:
            return archive.read(next(name for name in archive.namelist() if part in name))

    return read
