"""Real artifacts: examples/hello as it is packaged for a platform, made once."""

import csv
import io
import os
import zipfile
from pathlib import Path

import pytest

from polyfn.toolchain.report.examine import examine
from polyfn.toolchain.report.model import Part, Report
from tests import parts, standalone
from tests.artifacts.harness import package


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Packages examples/hello for an architecture, with an interpreter out of an archive.

    Once for all the processes of a test run, which have a directory above their own in common.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "report-artifacts"

    def make(arch: str) -> Path:
        path = folder / f"hello-aws-{arch}.zip"
        with parts.only_one(f"report-{arch}"):
            if not path.exists():
                options = ("--arch", arch, "--python", standalone.PYTHON)
                options += ("--interpreter", str(standalone.archive(arch)))
                package(folder, *options, environment={"POLYFN_CACHE": str(folder / "cache")})
        return path

    return make


@pytest.fixture(scope="session")
def hello(made) -> Path:
    return made(parts.HOST)


@pytest.fixture(scope="session")
def report(hello) -> Report:
    """The report of hello, with its imports."""
    return examine(hello, imports=True)


@pytest.fixture
def zipped(tmp_path):
    """Writes a zip: `zipped({"a.py": "..."}, pkg=("1.0", {"pkg.py": ""}, "Requires-Dist: x"))`."""

    def write(files, name="made.zip", base="", **distributions):
        content = dict(files)
        for one, (version, own, *headers) in distributions.items():
            notes = f"{one}-{version}.dist-info"
            listed = io.StringIO()
            csv.writer(listed).writerows(
                [path, "", ""] for path in [*own, f"{notes}/METADATA", f"{notes}/RECORD"]
            )
            lines = ["Metadata-Version: 2.4", f"Name: {one}", f"Version: {version}", *headers, "", ""]
            content |= {base + path: text for path, text in own.items()}
            content[f"{base}{notes}/METADATA"] = "\n".join(lines)
            content[f"{base}{notes}/RECORD"] = listed.getvalue()
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for inside, text in content.items():
                archive.writestr(inside, text)
        return path

    return write


@pytest.fixture
def imagined():
    """A report of parts that were never made: `imagined(("numpy", "1.0", 1000), ...)`."""

    def make(*given, sha256="0" * 64, **more):
        made = tuple(
            Part(kind="distribution", name=name, version=version, unpacked=size * 3, packed=size, files=1)
            for name, version, size in given
        )
        size = sum(part.packed for part in made)
        facts = {
            "artifact": "shop.zip", "project": "shop", "target": "aws", "arch": "amd64", "python": "3.13.2",
            "sha256": sha256, "size": size, "unpacked": size * 3, "files": len(made), "parts": made,
        }  # fmt: skip
        return Report(**{**facts, **more})

    return make
