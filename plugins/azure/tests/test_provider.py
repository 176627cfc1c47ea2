"""What polyfn is told of Azure Functions."""

import pytest

from polyfn.toolchain.choices import platforms
from polyfn.toolchain.errors import PlatformError
from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.provider import Capability
from polyfn_azure.provider import polyfn_provider
from polyfn_azure.settings import AzureSettings


def test_the_provider():
    provider = polyfn_provider()
    assert (provider.name, provider.api, provider.runtime) == ("azure", 1, "polyfn_azure.runtime.start")
    assert provider.formats == ("zip", "native")
    assert set(Capability) - provider.capabilities == {
        Capability.PARTIAL_BATCH, Capability.RETRY_DELAY, Capability.DEFER, Capability.STOP_HOOKS,
    }  # fmt: skip


def test_arm64_is_refused_with_the_reason():
    with pytest.raises(PlatformError, match="no plan of Azure Functions") as caught:
        platforms(polyfn_provider(), ["arm64"])
    assert "it has amd64" in caught.value.message
    assert [platform.glibc for platform in platforms(polyfn_provider(), [])] == [(2, 36)]


@pytest.mark.parametrize(
    ("settings", "names"),
    [({}, ["uvicorn", "httptools", "uvloop"]), ({"server": "granian", "loop": "asyncio"}, ["granian"])],
)
def test_what_its_runtime_needs(settings, names):
    assert list(polyfn_provider().needs(Manifest(functions=()), AzureSettings(**settings), None)) == names
