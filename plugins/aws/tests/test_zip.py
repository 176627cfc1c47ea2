"""The zip that Lambda takes: its shape, its limits, and that two builds are the same."""

import stat
import subprocess
import sys
import zipfile

import botocore.session
import pytest

from polyfn.toolchain.errors import ArtifactError, PlatformError
from polyfn.toolchain.manifest import Manifest
from polyfn.toolchain.packaging import PackageRequest
from polyfn.toolchain.packaging import package as packaged
from polyfn.toolchain.provider import Build, Bundle, NoSettings
from polyfn_aws import package as zips
from polyfn_aws.provider import polyfn_provider
from tests import rie, standalone

HELLO = """\
# /// script
# dependencies = ["pydantic"]
# ///
import polyfn
from pydantic import BaseModel


class Greeting(BaseModel):
    name: str = "world"


@polyfn.function
def hello(event: Greeting) -> dict:
    return {"message": f"hello, {event.name}"}
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """A cache for interpreters that the tests share."""
    return tmp_path_factory.mktemp("cache")


def build(tmp_path, log=lambda _: None, **changes):
    root = tmp_path / "bundle"
    for name in ("app/hello.py", "site/big/a.bin", "site/small.py", "start.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * (5000 if "big" in name else 10))
    (root / "start").write_text("#!/bin/sh\n")
    (root / "start").chmod(0o755)
    facts = {"root": root, "arch": "arm64", "python": "3.13", "interpreter": "managed", "command": ("p",)}
    bundle = Bundle(**{**facts, **changes})
    return Build("shop", Manifest(functions=()), bundle, NoSettings(), tmp_path, 315532800, log)


def test_the_start_script_becomes_an_executable_bootstrap(tmp_path):
    artifact = zips.package(build(tmp_path))
    assert artifact.path == tmp_path / "shop-aws-arm64.zip"
    assert (artifact.target, artifact.arch, artifact.files) == ("aws", "arm64", 6)
    with zipfile.ZipFile(artifact.path) as archive:
        assert archive.namelist() == [
            "app/hello.py",
            "bootstrap",
            "site/big/a.bin",
            "site/small.py",
            "start",
            "start.py",
        ]
        entry = archive.getinfo("bootstrap")
    assert entry.create_system == 3
    assert stat.S_IMODE(entry.external_attr >> 16) == 0o755
    assert artifact.size == artifact.path.stat().st_size


def test_what_is_too_large_unpacked_names_the_biggest(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "UNPACKED_LIMIT", 4000)
    with pytest.raises(ArtifactError) as caught:
        zips.package(build(tmp_path))
    lines = caught.value.message.splitlines()
    assert "Lambda takes 0.0 MB" in lines[0]
    assert lines[1].endswith("site/big")
    assert not list(tmp_path.glob("*.zip"))


def test_what_cannot_be_uploaded_directly_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "DIRECT_LIMIT", 10)
    lines = []
    zips.package(build(tmp_path, lines.append))
    assert len(lines) == 1
    assert "uploaded through S3" in lines[0]
    assert "site/big" in lines[0]


PLAIN = """\
import sys

import polyfn


@polyfn.function
def hello(event, context):
    return {"message": f"hello, {event['name']}", "by": context.function}


@polyfn.function
def flags(event):
    return [sys.flags.isolated, sys.flags.no_site, "awslambdaric" in sys.modules]
"""


@pytest.fixture(scope="module")
def managed_zip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("managed")
    (folder / "shop.py").write_text(PLAIN)
    lines = []
    request = PackageRequest(
        folder / "shop.py", "aws", python="3.12", interpreter="platform", out=folder / "dist"
    )
    (artifact,) = packaged(request, log=lines.append)
    assert "for the runtime python3.12: set the handler to polyfn_handler.hello" in lines
    return artifact


def test_a_zip_for_lambdas_own_python_has_a_handler_and_no_interpreter(managed_zip):
    with zipfile.ZipFile(managed_zip.path) as archive:
        names = archive.namelist()
    assert "polyfn_handler.py" in names
    assert "start.py" in names
    assert "bootstrap" not in names
    assert not [name for name in names if name.startswith("python/")]


@pytest.mark.parametrize(
    ("function", "answer"),
    [("hello", {"message": "hello, you", "by": "hello"}), ("flags", [1, 1, False])],
)
def test_the_managed_runtime_hands_over(managed_zip, tmp_path, function, answer):
    """AWS's own runtime client imports the handler under AWS's own emulator, as python3.x does."""
    with zipfile.ZipFile(managed_zip.path) as archive:
        archive.extractall(tmp_path)
    handler = f"polyfn_handler.{function}"
    with rie.running([sys.executable, "-m", "awslambdaric", handler], tmp_path, _HANDLER=handler) as invoke:
        assert invoke({"name": "you"}) == answer
        assert invoke({"name": "you"}) == answer


def test_the_api_of_lambda_names_every_managed_runtime():
    """By AWS's own model of its API, in its own SDK."""
    model = botocore.session.get_session().get_service_model("lambda")
    named = model.shape_for("Runtime").enum
    assert {f"python{python}" for python in polyfn_provider().platform_pythons} <= set(named)


def test_the_managed_runtime_of_an_older_linux_is_refused_before_anything_is_built(tmp_path):
    (tmp_path / "hello.py").write_text("raise SystemExit\n")
    request = PackageRequest(
        tmp_path / "hello.py", "aws", python="3.11", interpreter="platform", out=tmp_path
    )
    with pytest.raises(PlatformError, match=r"has no Python 3\.11"):
        packaged(request)


def test_the_emulator_says_why_it_cannot_run_a_zip_for_lambdas_own_python(managed_zip):
    done = subprocess.run(
        [sys.executable, "-m", "polyfn", "invoke", f"{managed_zip.path}::hello", "--data", "{}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert "PF307" in done.stderr
    assert "no interpreter of its own" in done.stderr


@pytest.mark.parametrize(("arch", "machine"), [("amd64", "EM_X86_64"), ("arm64", "EM_AARCH64")])
def test_a_function_with_pydantic_for_each_architecture(tmp_path, monkeypatch, unpacked, arch, machine):
    from elftools.elf.elffile import ELFFile

    monkeypatch.setenv("POLYFN_CACHE", str(unpacked))
    interpreter = str(standalone.archive(arch))
    (tmp_path / "hello.py").write_text(HELLO)
    sums = set()
    # Once is enough for the architecture that is most machines' own.
    for turn in ("one", "two") if arch == "arm64" else ("one",):
        request = PackageRequest(
            tmp_path / "hello.py", "aws", (arch,), python="3.11", interpreter=interpreter, out=tmp_path / turn
        )
        (artifact,) = packaged(request)
        sums.add(artifact.sha256)
    assert len(sums) == 1, "two builds differ"
    with zipfile.ZipFile(artifact.path) as archive:
        assert {
            "bootstrap",
            "start.py",
            "polyfn.json",
            "app/hello.py",
            "runtime/polyfn_aws/runtime/start.py",
        } <= set(archive.namelist())
        binaries = [name for name in archive.namelist() if name.endswith(".so") or "/bin/python3" in name]
        assert any("pydantic_core" in name for name in binaries)
        for name in binaries:
            with archive.open(name) as file:
                assert ELFFile(file)["e_machine"] == machine, name
