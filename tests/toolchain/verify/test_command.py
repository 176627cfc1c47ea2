"""`polyfn verify` on the command line."""

import json

import pytest

from polyfn.toolchain.cli.main import run
from tests.toolchain.verify.zips import BOOTSTRAP, GOOD, make


@pytest.fixture
def polyfn(capfd, monkeypatch):
    """Run a command in this process: its status, stdout and stderr."""
    for name in (
        "POLYFN_TARGET",
        "POLYFN_ARCH",
        "POLYFN_JSON",
        "POLYFN_STRICT",
        "POLYFN_IGNORE",
        "FORCE_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments):
        status = run([str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return call


def test_nothing_to_report(polyfn, tmp_path):
    status, out, err = polyfn("verify", make(tmp_path / "a.zip"), "--target", "aws")
    assert (status, out) == (0, "")
    assert err == "a.zip (any architecture): nothing to report\n"


def test_an_error(polyfn, tmp_path):
    path = make(tmp_path / "a.zip", {"bootstrap": BOOTSTRAP, ".env": b""})
    status, out, err = polyfn("verify", path, "--target", "aws")
    assert status == 1
    first, second, third, _ = out.splitlines()
    assert first == "error[PV102]: bootstrap has the mode 0644, which not everybody may execute"
    assert second.startswith("  remedy: chmod 755")
    assert third.startswith("warning[PV502]: ")
    assert err.endswith("1 error, 1 warning\n")


def test_strict(polyfn, tmp_path):
    path = make(tmp_path / "a.zip", {**GOOD, ".env": b""})
    assert polyfn("verify", path, "--target", "aws")[0] == 0
    assert polyfn("verify", path, "--target", "aws", "--strict")[0] == 1
    assert polyfn("verify", path, "--target", "aws", "--strict", "--ignore", "PV401,pv502")[0] == 0


def test_json(polyfn, tmp_path):
    path = make(tmp_path / "a.zip", {"bootstrap": BOOTSTRAP})
    status, out, _ = polyfn("verify", path, "--target", "aws", "--json")
    answer = json.loads(out)
    assert status == 1
    assert set(answer) == {"schema", "artifact", "target", "arch", "python", "findings"}
    assert answer["target"] == "aws"
    (finding,) = answer["findings"]
    assert set(finding) == {"code", "severity", "message", "path", "remedy"}
    assert (finding["code"], finding["path"]) == ("PV102", "bootstrap")


def test_without_a_target(polyfn, tmp_path):
    status, _, err = polyfn("verify", make(tmp_path / "a.zip", {"hello.py": b""}))
    assert status == 0
    assert err.startswith("no polyfn.json and no --target: ")


def test_the_target_of_the_artifact(polyfn, tmp_path):
    manifest = (
        b'{"target": "aws", "arch": "arm64", "interpreter": {"source": "managed", "version": "3.13.1"}}'
    )
    status, _, err = polyfn("verify", make(tmp_path / "a.zip", {**GOOD, "polyfn.json": manifest}))
    assert status == 0
    assert err == "a.zip (arm64, Python 3.13): nothing to report\n"


def test_several_architectures_are_what_it_may_be_for(polyfn, tmp_path, binary):
    path = make(tmp_path / "a.zip", {**GOOD, "_x.so": binary("arm64", "_pydantic_core")})
    for arch, status in {"amd64,arm64": 0, "arm64": 0, "amd64": 1}.items():
        assert polyfn("verify", path, "--target", "aws", "--arch", arch)[0] == status


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere.zip"], 4, "nowhere.zip does not exist"),
        (["a.zip", "--ignore", "PV999"], 2, "there is no such finding"),
        (["a.zip", "--arch", "x86_64"], 2, "polyfn calls it amd64"),
        (["a.zip", "--target", "xyzzy"], 3, "unknown target 'xyzzy'"),
    ],
)
def test_what_cannot_be(polyfn, tmp_path, monkeypatch, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "a.zip")
    done, _, err = polyfn("verify", *arguments)
    assert done == status
    assert message in err
