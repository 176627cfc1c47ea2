"""Finished artifacts, made once."""

import contextlib
from pathlib import Path

import pytest

from polyfn.toolchain.artifacts.zip import unpack
from tests import parts, standalone
from tests.artifacts.harness import Lambda, emulated, package


@pytest.fixture(scope="session")
def managed(tmp_path_factory) -> dict[str, Path]:
    """examples/hello for both architectures, each with an interpreter that uv fetched."""
    folder = tmp_path_factory.mktemp("managed")
    environment = {
        "UV_PYTHON_DOWNLOADS_JSON_URL": standalone.downloads(folder, "amd64", "arm64"),
        "POLYFN_CACHE": str(folder / "cache"),
    }
    options = ("--arch", "amd64,arm64", "--python", standalone.PYTHON, "--interpreter", "managed")
    amd64, arm64 = package(folder / "out", *options, environment=environment)
    return {"amd64": amd64, "arm64": arm64}


@pytest.fixture(scope="session")
def host(tmp_path_factory) -> Path:
    """examples/hello with this machine's interpreter."""
    folder = tmp_path_factory.mktemp("host")
    options = ("--arch", parts.HOST, "--interpreter", "host")
    [artifact] = package(folder / "out", *options, environment={"POLYFN_CACHE": str(folder / "cache")})
    return artifact


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    """Unpacks an artifact once."""
    trees: dict[Path, Path] = {}

    def tree(artifact: Path) -> Path:
        if artifact not in trees:
            trees[artifact] = tmp_path_factory.mktemp("task") / "tree"
            unpack(artifact, trees[artifact])
        return trees[artifact]

    return tree


@pytest.fixture
def aws(tmp_path):
    """Starts an unpacked artifact as Lambda does: `with aws(tree, root, handler) as function`."""

    def start(tree: Path, root: Path, handler: str) -> contextlib.AbstractContextManager[Lambda]:
        return emulated(tree, root, handler, tmp_path / "rie.log")

    return start
