"""Artifacts laid out on disk."""

import zipfile

import pytest

from polyfn.toolchain.emulation.unpacked import unpacked
from polyfn.toolchain.errors import ToolchainError


def entry(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def test_modes_and_links_are_restored(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry("bin/run", 0o100755), "#!/bin/sh\n")
        archive.writestr(entry("data", 0o100640), "x")
        archive.writestr(entry("bootstrap", 0o120777), "bin/run")
    with unpacked(path) as root:
        assert (root / "bin/run").stat().st_mode & 0o777 == 0o755
        assert (root / "data").stat().st_mode & 0o777 == 0o644
        assert (root / "bootstrap").readlink().as_posix() == "bin/run"
    assert not root.exists()


def test_a_directory_is_taken_as_it_is(tmp_path):
    (tmp_path / "file").write_text("x")
    with unpacked(tmp_path) as root:
        assert root == tmp_path.resolve()
    assert (tmp_path / "file").exists()


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_nothing_is_written_outside(tmp_path, name):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry(name, 0o100644), "x")
    with pytest.raises(ToolchainError), unpacked(path):
        raise AssertionError


def test_what_is_no_artifact(tmp_path):
    (tmp_path / "text").write_text("x")
    for path in (tmp_path / "text", tmp_path / "missing"):
        with pytest.raises(ToolchainError) as caught, unpacked(path):
            raise AssertionError
        assert caught.value.hint
