import pytest

from tests.toolchain.plugins import distributions


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A real place to install distributions into, seen by this process and by fresh interpreters."""
    with distributions.installed_at(tmp_path / "site", monkeypatch) as made:
        yield made


@pytest.fixture
def provider_source():
    return distributions.provider_source
