"""`polyfn report` through the command line, on a real artifact."""

import json
import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def polyfn(tmp_path):
    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "polyfn", *map(str, arguments)], cwd=tmp_path,
            capture_output=True, text=True,
            env={**os.environ, "POLYFN_CACHE": str(tmp_path / "cache"), **environment},
        )  # fmt: skip

    return run


def test_plain_lines(polyfn, hello, report):
    done = polyfn("report", hello)
    assert (done.returncode, done.stderr) == (0, "")
    head, columns, first, *_ = done.stdout.splitlines()
    assert head.startswith(f"{hello.name}; aws ")
    assert columns.split() == ["part", "name", "version", "size", "unpacked", "files", "wheel"]
    assert first.split()[:3] == ["interpreter", "python", report.python]
    assert re.search(
        r"^distribution +pydantic_core .* cp311-cp311-manylinux2014_\w+\.manylinux_2_17_\w+$",
        done.stdout,
        re.MULTILINE,
    )
    assert "\x1b[" not in done.stdout


def test_colours(polyfn, hello):
    assert "\x1b[" in polyfn("report", hello, FORCE_COLOR="1").stdout


def test_imports_and_a_comparison(polyfn, hello, made):
    done = polyfn("report", made("arm64"), "--against", made("amd64"))
    assert re.search(r"^resized +pydantic_core ", done.stdout, re.MULTILINE)
    done = polyfn("report", hello, "--against", hello)
    assert "nothing changed since the other build" in done.stdout
    done = polyfn("report", hello, "--imports")
    assert re.search(
        r"^import of hello: [\d.]+ ms \([\d.]+ ms of it the runtime\), \d+ modules", done.stdout, re.MULTILINE
    )


def test_as_json(polyfn, hello, report):
    done = polyfn("report", hello, "--json")
    content = json.loads(done.stdout)
    assert (content["schema"], content["difference"]) == (1, None)
    assert content["report"]["sha256"] == report.sha256
    assert content["report"]["schema"] == 1
    assert {one["name"] for one in content["report"]["parts"]} == {one.name for one in report.parts}


def test_the_previous_build_comes_from_the_cache(polyfn, hello, report, tmp_path):
    from polyfn.toolchain.report import history

    before = report.model_copy(update={"sha256": "0" * 64, "size": report.size - 5_000_000})
    history.remember(before, tmp_path / "cache" / "reports")
    history.remember(report, tmp_path / "cache" / "reports")
    assert json.loads(polyfn("report", hello, "--json").stdout)["difference"]["size"] == 5_000_000
    assert "since 0000000000000000: +5.0 MB" in polyfn("report", hello).stdout


def test_an_sbom(polyfn, hello, tmp_path):
    done = polyfn("report", hello, "--sbom", "made/hello.cdx.json", SOURCE_DATE_EPOCH="1700000000")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "made/hello.cdx.json").read_text())
    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["timestamp"].startswith("2023-11-14T")


def test_imports_that_cannot_be_measured_are_a_warning(polyfn, zipped):
    done = polyfn("report", zipped({"a.py": ""}), "--imports")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: imports were not measured: it has no polyfn.json")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere.zip"], 2, "error[PF200]: ARTIFACT nowhere.zip does not exist"),
        (["file.zip"], 4, "error[PF404]: file.zip is no archive that can be read"),
    ],
)
def test_what_cannot_be_reported(polyfn, tmp_path, arguments, status, said):
    (tmp_path / "file.zip").write_text("nothing")
    done = polyfn("report", *arguments)
    assert done.returncode == status
    assert done.stderr.startswith(said)


def test_the_library_for_documents_is_loaded_only_to_write_one(hello):
    code = (
        "import sys; from polyfn.toolchain.cli.main import run\n"
        f"assert run(['report', {str(hello)!r}, '--json']) == 0\n"
        "loaded = {'cyclonedx', 'rich', 'httpx', 'elftools'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
