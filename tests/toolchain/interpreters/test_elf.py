"""ELF facts, against files whose facts are known from elsewhere."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.bundle import elf
from tests import parts


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_a_shell_of_each_architecture(arch):
    facts = elf.read(parts.need(f"root-{arch}") / "bin/dash")
    assert facts.machine == arch
    assert facts.needed[0] == "libc.so.6"
    assert facts.interpreter == {
        "amd64": "/lib64/ld-linux-x86-64.so.2", "arm64": "/lib/ld-linux-aarch64.so.1",
    }[arch]  # fmt: skip
    assert (2, 17) <= facts.glibc <= (2, 99)


def test_the_running_interpreter():
    facts = elf.read(Path(sys.executable).resolve())
    assert facts.machine == parts.HOST
    assert any(name.startswith("libc.so") for name in facts.needed)


def test_static_programs_have_no_loader():
    facts = elf.read(parts.need("busybox"))
    assert (facts.interpreter, facts.needed, facts.glibc) == (None, (), None)


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x02\x01\x01" + bytes(100)])
def test_what_is_no_sound_elf_file(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    facts = elf.read(path)
    assert facts is None or facts.machine not in ("amd64", "arm64")


@given(st.binary(max_size=300))
def test_damage_never_raises(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.elf"
    path.write_bytes(b"\x7fELF" + data)
    elf.read(path)


@given(st.integers(1, 4000), st.integers(0, 20000))
def test_damaged_programs_never_raise(tmp_path_factory, start, length):
    data = bytearray(Path(sys.executable).resolve().read_bytes()[:20000])
    data[start : start + length] = b"\xff" * len(data[start : start + length])
    path = tmp_path_factory.getbasetemp() / "damaged-program.elf"
    path.write_bytes(data)
    elf.read(path)


def test_links_and_directories_are_no_elf_files(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(Path(sys.executable).resolve())
    assert not elf.is_elf(link)
    assert not elf.is_elf(tmp_path)
    assert elf.read(tmp_path) is None
    assert elf.is_elf(Path(sys.executable).resolve())


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("GLIBC_2.34", (2, 34)),
        ("GLIBC_2.2.5", (2, 2)),
        ("GLIBC_PRIVATE", None),
        ("GCC_3.0", None),
        ("", None),
    ],
)
def test_glibc_versions(name, version):
    assert elf.parse_glibc(name) == version
