"""`polyfn package --report`: the report of a real artifact, beside what packaging tells anyway."""

import json
import os
import re
import subprocess
import sys

import jsonschema
import pytest

from polyfn.toolchain.provider import Artifact
from polyfn.toolchain.report import model
from polyfn.toolchain.report.examiner import Examiner
from tests import parts, standalone

pytestmark = pytest.mark.timeout(300)

PROJECT = """
[project]
name = "counted"
version = "1.0"

[tool.polyfn]
modules = ["counted"]

[tool.polyfn.budget]
import = "60 s"
"""
#: Writes down every import of it.
SOURCE = """
import polyfn

with open({mark!r}, "a") as file:
    file.write("imported\\n")

@polyfn.function
def counted(event: dict): ...
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "counted.py").write_text(SOURCE.format(mark=str(tmp_path / "mark")))
    return root


@pytest.fixture
def package(project, tmp_path):
    """Packages the project; returns what was said, and how often its module was imported."""
    mark = tmp_path / "mark"

    def package(*options, **environment):
        command = ["package", ".", "--target", "aws", "--arch", parts.HOST, "--python", standalone.PYTHON]
        mark.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "polyfn", *command, "--interpreter", str(standalone.archive(parts.HOST)),
             "--ignore", "PV202,PV204", *options], cwd=project, capture_output=True, text=True,
            env={**os.environ, "POLYFN_CACHE": str(tmp_path / "cache"), **environment},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done, len(mark.read_text().splitlines())

    return package


def test_one_build_after_another(package, project):
    # Once for collecting. Then three runs, for the budget and for the report.
    done, imported = package("--report")
    assert imported == 1 + 3
    path = f"dist/counted-aws-{parts.HOST}.zip"
    assert done.stdout == path + "\n"
    assert re.search(rf"^{path.partition('/')[2]}; aws {parts.HOST}, Python 3\.11", done.stderr, re.MULTILINE)
    assert re.search(r"^interpreter +python +3\.11\.\d+ ", done.stderr, re.MULTILINE)
    assert re.search(r"^import of counted: [\d.]+ ms .*, median of 3$", done.stderr, re.MULTILINE)
    assert "since" not in done.stderr and "\x1b" not in done.stderr

    # What is in the cache is reported as well, here without the collecting.
    told, imported = package("--report", "--json")
    assert imported == 3
    [artifact] = json.loads(told.stdout)["artifacts"]
    assert artifact["change"] is None
    found = artifact["report"]
    assert found["sha256"] == artifact["sha256"]
    [measured] = found["imports"]
    assert measured["module"] == "counted" and 0 < len(measured["top"]) <= 10
    shown = {"schema": 1, "report": found, "difference": artifact["change"]}
    jsonschema.validate(shown, model.schema())

    with (project / "counted.py").open("a") as file:
        file.write("# " + "longer " * 1000 + "\n")
    done, _ = package("--report")
    assert re.search(r"^since [0-9a-f]{16}: \+.*to import$", done.stderr, re.MULTILINE)
    assert re.search(r"^resized +counted ", done.stderr, re.MULTILINE)
    assert "since the previous build" not in done.stderr  # the same, in a line
    coloured, _ = package(FORCE_COLOR="1", POLYFN_REPORT="1")
    assert "\x1b[" in coloured.stderr and coloured.stdout == path + "\n"


def test_without_it_nothing_more_is_run(package, project):
    (project / "pyproject.toml").write_text(PROJECT.replace('import = "60 s"', 'zip = "60 MB"'))
    done, imported = package("--json")
    assert imported == 1
    assert [one["report"] for one in json.loads(done.stdout)["artifacts"]] == [None]


def test_an_artifact_is_examined_once(hello, monkeypatch, tmp_path):
    monkeypatch.setenv("POLYFN_CACHE", str(tmp_path))
    from polyfn.toolchain.report import examine

    asked = []
    real = examine.examine
    monkeypatch.setattr(examine, "examine", lambda path, **how: asked.append(how) or real(path, **how))
    artifact = Artifact(hello, "aws", parts.HOST, "", 0, 0, 0)
    one = Examiner()
    first = one.report(artifact)
    assert one.report(artifact) is first and first.not_measured
    measured = one.report(artifact, imports=True)
    assert measured.imports and one.report(artifact) is measured
    assert asked == [{"imports": False}, {"imports": True}]
    all_of_it = Examiner(imports=True)
    assert all_of_it.report(artifact).imports
    assert all_of_it.report(artifact, imports=True) is all_of_it.report(artifact)
