"""Artifacts where libc is older than this machine's: with one that they bring, and with the root's."""

import os
import subprocess

import pytest

from polyfn.toolchain.bundle import elf
from tests import older, parts
from tests.artifacts.test_freethreaded import assert_works as assert_counts
from tests.artifacts.test_freethreaded import both, polyfn  # noqa: F401  a fixture
from tests.artifacts.test_project import assert_works, made

# Making the parts may include compiling CPython.
pytestmark = pytest.mark.timeout(900)


def libc_of(root) -> tuple[int, int]:
    """What the root's own libc says of itself, in a line such as `... stable release version 2.31.`"""
    [library] = root.glob("lib/*-linux-gnu/libc.so.6")
    text = library.read_bytes()
    start = text.index(b"release version ") + len(b"release version ")
    major, minor = text[start : start + 8].split(b".")[:2]
    return int(major), int(minor)


@pytest.fixture(params=["amd64", "arm64"])
def arch(request) -> str:
    if request.param != parts.HOST:
        parts.need("qemu")
    return request.param


def test_the_libc_is_older_than_that_of_this_machine(arch):
    here = tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")))
    assert libc_of(older.root(arch)) == older.GLIBC < here


def test_host_interpreter_with_compiled_dependencies(unpacked, aws, tmp_path):
    root = older.root(parts.HOST)
    [artifact] = made(tmp_path, "--arch", parts.HOST, "--interpreter", "host")
    assert_works(aws, unpacked(artifact), root, parts.HOST)


def test_fetched_interpreter_with_compiled_dependencies(arch, both, unpacked, aws):  # noqa: F811
    root = older.root(arch)
    tree = unpacked(both[arch])
    needed = [
        facts.glibc for path in tree.rglob("*") if (facts := elf.read(path)) is not None and facts.glibc
    ]
    assert max(needed) <= older.GLIBC
    assert_counts(aws, tree, root, arch)


def test_nothing_in_it_needs_more_than_the_platform_has(arch, both):  # noqa: F811
    older.root(arch)
    answer: subprocess.CompletedProcess[str] = polyfn("verify", both[arch])
    assert (answer.returncode, "PV202" in answer.stdout) == (0, False), answer.stdout
