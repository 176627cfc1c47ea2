from pathlib import Path

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


@pytest.fixture
def box(site, tmp_path, monkeypatch):
    """A provider with everything, installed as a distribution; see boxes.py. It has a cache of its own."""
    monkeypatch.setenv("POLYFN_CACHE", str(tmp_path / "cache"))
    source = Path(__file__).with_name("boxes.py").read_text()
    runtime = Path(__file__).with_name("boxes_runtime.py").read_text()
    modules = {"polyfn_box.provider": source, "polyfn_box.runtime": runtime, "polyfn_box.__init__": ""}
    site.install("polyfn-box", modules, version="0.3", providers={"box": "polyfn_box.provider"})
    return site
