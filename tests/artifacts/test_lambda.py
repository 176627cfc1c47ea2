"""Finished zips, executed by AWS's own emulator, where there is no Python to help them."""

import zipfile
from pathlib import Path

import pytest

from polyfn.toolchain.bundle import elf
from tests import parts
from tests.artifacts.harness import REPOSITORY, package

# Making the parts may include downloads.
pytestmark = pytest.mark.timeout(300)

HANDLERS = ["hello", "hello_model"]


def answers(aws, tree, root, handler):
    with aws(tree, root, handler) as function:
        assert function.invoke({"name": "polyfn"}) == {"message": "hello, polyfn"}
        assert function.invoke({"name": "wörld ✓"}) == {"message": "hello, wörld ✓"}
        assert function.invoke({}) == {"message": "hello, world"}


def assert_no_python(root: Path) -> None:
    assert not [path for path in root.rglob("*") if "python" in path.name.lower()]


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_managed_interpreter(arch, handler, managed, unpacked, aws):
    if arch != parts.HOST:
        parts.need("qemu")
    root = parts.need(f"root-{arch}")
    assert_no_python(root)
    tree = unpacked(managed[arch])
    assert elf.read(tree / "python/bin/python3.11").machine == arch
    answers(aws, tree, root, handler)


@pytest.mark.parametrize("handler", HANDLERS)
def test_host_interpreter_in_an_empty_root(handler, host, unpacked, aws, tmp_path):
    root = parts.empty_root(tmp_path / "root")
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["sh"]
    answers(aws, unpacked(host), root, handler)


def test_a_handler_that_fails_is_reported_by_the_platform(managed, unpacked, aws):
    with aws(unpacked(managed[parts.HOST]), parts.need(f"root-{parts.HOST}"), "hello_model") as function:
        told = function.invoke({"name": ["not", "a", "name"]})
        assert set(told) >= {"errorMessage", "errorType"}
        assert function.invoke({"name": "next"}) == {"message": "hello, next"}


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_every_binary_is_for_the_target(arch, managed, unpacked):
    tree = unpacked(managed[arch])
    machines = {facts.machine for path in tree.rglob("*") if (facts := elf.read(path)) is not None}
    assert machines == {arch}


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_bootstrap_is_executable_at_the_root(arch, managed):
    with zipfile.ZipFile(managed[arch]) as archive:
        entry = archive.getinfo("bootstrap")
        assert entry.create_system == 3
        assert entry.external_attr >> 16 & 0o777 == 0o755
        assert archive.read(entry).startswith(b"\x7fELF")
        assert archive.read("start").startswith(b"#!/bin/sh\n")
        assert "start.py" in archive.namelist()


def test_nothing_of_this_machine_is_inside(managed, host, unpacked):
    # The cache, the repository and the output directory must not be readable out of an artifact.
    for artifact in (*managed.values(), host):
        places = [str(artifact.parent.parent).encode(), str(REPOSITORY).encode()]
        for path in unpacked(artifact).rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert not [place for place in places if place in data], path


def test_same_bytes_again(managed, host, tmp_path):
    options = ("--arch", parts.HOST, "--interpreter", "host")
    [again] = package(tmp_path / "out", *options, environment={"POLYFN_CACHE": str(tmp_path / "cache")})
    assert again.read_bytes() == host.read_bytes()
