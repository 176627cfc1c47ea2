"""What a provider's runtime needs in the bundle, besides what the project names."""

import json
import subprocess

import pytest

from polyfn.toolchain.manifest import ArtifactManifest
from polyfn.toolchain.packaging import PackageRequest, package, quick
from polyfn.toolchain.preview import preview
from tests.toolchain.packaging.test_line import HELLO, HOST

INLINE = "# /// script\n# dependencies = ['pf_small']\n# ///\nimport pf_small" + HELLO.replace("\n    ", "\n")


@pytest.fixture
def asked(desk):
    """Have the target need pf_server, and pf_small from its second drawer on; return what it was asked."""
    asked = []

    def needs(manifest, settings, _format):
        asked.append((sorted(entry.name for entry in manifest.functions), settings.drawer))
        return ["pf_small"] * (settings.drawer > 1) + ["pf_server"]

    desk.needs = needs
    return asked


@pytest.fixture
def house(house):
    from tests.toolchain.packaging.houses import wheel

    if not list(house.glob("pf_server-*")):
        wheel(house, "pf_server", "py3-none-any", requires=["pf_deep"])
        wheel(house, "pf_deep", "py3-none-any")
    return house


def manifest(artifact):
    return ArtifactManifest.model_validate_json((artifact.path / "polyfn.json").read_text())


@pytest.mark.parametrize("interpreter", ["platform", "host"])
def test_it_is_installed_for_the_target(write, desk, asked, house, tmp_path, interpreter):
    root = write({"hello.py": HELLO})
    request = PackageRequest(
        root / "hello.py", "desk", archs=(HOST,), interpreter=interpreter, out=tmp_path / "out"
    )
    (artifact,) = package(request, plugins=desk)
    assert manifest(artifact).distributions == {"pf_deep": "1.0", "pf_server": "1.0"}
    assert (artifact.path / "site" / "pf_server.py").is_file()
    assert (["hello"], 1) in asked


def test_it_is_part_of_what_names_an_artifact_in_the_cache(write, desk, asked, house, tmp_path):
    root = write({"hello.py": HELLO})
    desk.hook = type(desk)(hooks=False).hook
    request = PackageRequest(
        root / "hello.py", "desk", archs=(HOST,), interpreter="platform", out=tmp_path / "out"
    )
    package(request, plugins=desk)
    desk.needs = None
    (artifact,) = package(request, plugins=desk)
    assert manifest(artifact).distributions == {}
    desk.needs = lambda *_: ["pf_small"]
    (artifact,) = package(request, plugins=desk)
    assert manifest(artifact).distributions == {"pf_small": "1.0"}


def test_the_settings_decide_as_well(write, desk, asked, house, tmp_path):
    project = "[project]\nname = 'hello'\n[tool.polyfn]\nmodule = 'hello'\n[tool.polyfn.desk]\ndrawer = 2\n"
    root = write({"hello.py": HELLO, "pyproject.toml": project})
    request = PackageRequest(root, "desk", archs=(HOST,), interpreter="platform", out=tmp_path / "out")
    (artifact,) = package(request, plugins=desk)
    assert manifest(artifact).distributions == {"pf_deep": "1.0", "pf_server": "1.0", "pf_small": "1.0"}


@pytest.mark.parametrize(("text", "there"), [(HELLO, {}), (INLINE, {"pf_small": "1.0"})])
def test_a_quick_bundle_has_it_too(write, desk, asked, house, tmp_path, log, text, there):
    root = write({"hello.py": text})
    artifact = quick(root / "hello.py", "desk", out=tmp_path / "out", log=log, plugins=desk)
    assert manifest(artifact).distributions == {"pf_deep": "1.0", "pf_server": "1.0", **there}
    told = subprocess.run([artifact.path / "start"], capture_output=True, text=True, check=True).stdout
    assert json.loads(told)["said"] == {"message": "hello, world"}
    assert log == []


def test_a_preview_tells_of_it(write, desk, asked, house, tmp_path, log):
    root = write({"hello.py": INLINE})
    request = PackageRequest(root / "hello.py", "desk", archs=(HOST,), interpreter="platform")
    (told,) = preview(request, log=log, plugins=desk)
    assert [choice.name for choice in told.distributions] == ["pf-deep", "pf-server", "pf-small"]
    assert asked == [([], 1)]
