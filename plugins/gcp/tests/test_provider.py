"""What polyfn is told of Cloud Run."""

import json
import subprocess
import sys

import pytest

from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.provider import Capability
from polyfn_gcp.provider import polyfn_provider
from polyfn_gcp.settings import GcpSettings


def test_the_provider():
    provider = polyfn_provider()
    assert (provider.name, provider.api, provider.runtime) == ("gcp", 1, "polyfn_gcp.runtime.start")
    assert {platform.arch for platform in provider.platforms} == {"amd64", "arm64"}
    assert set(Capability) - provider.capabilities == {Capability.STREAM, Capability.DEFER}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["uvicorn", "httptools", "uvloop"]),
        ({"loop": "asyncio"}, ["uvicorn", "httptools"]),
        ({"server": "granian"}, ["granian", "uvloop"]),
    ],
)
def test_what_its_runtime_needs(settings, names):
    assert list(polyfn_provider().needs(Manifest(functions=()), GcpSettings(**settings), None)) == names


def test_it_is_an_installed_target():
    done = subprocess.run(
        [sys.executable, "-m", "polyfn", "providers", "--check", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "gcp" in json.dumps(json.loads(done.stdout))
