"""The published JSON Schemas are those of the code, and hold for what the code writes."""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import jsonschema
import pytest

from polyfn.toolchain.report.model import ReportResult
from polyfn.toolchain.schemas import texts

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "schema"

pytestmark = pytest.mark.timeout(300)


def published(name):
    return json.loads((PUBLISHED / name).read_text())


def test_they_are_up_to_date():
    assert {path.name: path.read_text() for path in PUBLISHED.iterdir()} == texts(), (
        "run: python -m polyfn.toolchain.schemas docs/schema"
    )


def test_the_command_writes_them(tmp_path):
    subprocess.run([sys.executable, "-m", "polyfn.toolchain.schemas", tmp_path / "new"], check=True)
    assert {path.name: path.read_text() for path in (tmp_path / "new").iterdir()} == texts()


@pytest.mark.parametrize("name", sorted(texts()))
def test_they_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(published(name))


def test_a_real_manifest(hello):
    with zipfile.ZipFile(hello) as archive:
        manifest = json.loads(archive.read("polyfn.json"))
    jsonschema.validate(manifest, published("manifest.json"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**manifest, "arch": "x86"}, published("manifest.json"))


def test_a_real_report(report):
    result = ReportResult(report=report)
    jsonschema.validate(result.model_dump(mode="json", by_alias=True), published("report.json"))


@pytest.mark.parametrize("example", ["orders"])
def test_real_settings(example):
    document = tomllib.loads((ROOT / "examples" / example / "pyproject.toml").read_text())
    jsonschema.validate(document["tool"]["polyfn"], published("settings.json"))


@pytest.mark.parametrize(
    ("settings", "sound"),
    [
        ({"module": "app", "budget": {"zip": "12 MB", "unpacked": "40MiB", "import": "150 ms"}}, True),
        ({"budget": {"zip": "12"}}, False),
        ({"budget": {"zip": 12}}, False),
        ({"budget": {"disk": "1 MB"}}, False),
        ({"aws": {"memory": 256}}, True),
        ({"python": "2.7"}, False),
        ({"modul": "app"}, False),
    ],
)
def test_settings(settings, sound):
    validator = jsonschema.Draft202012Validator(published("settings.json"))
    assert validator.is_valid(settings) is sound
