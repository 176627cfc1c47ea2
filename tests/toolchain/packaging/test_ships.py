"""What of polyfn and of a provider is copied into a bundle."""

import subprocess
import sys

import pytest

from polyfn.toolchain.bundle import ships
from polyfn.toolchain.errors import PluginError
from tests.toolchain.packaging import targets


@pytest.fixture
def packages(tmp_path, monkeypatch):
    home = tmp_path / "installed"
    for name in ("pf_cloud/__init__.py", "pf_cloud/home.py", "pf_cloud/runtime/loop.py",
                 "pf_cloud/runtime/deep/data.bin", "pf_cloud/runtime/__pycache__/loop.cpython-311.pyc",
                 "pf_single.py"):  # fmt: skip
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(home)
    return tmp_path / "runtime"


def carried(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_subpackage_comes_with_its_parents_alone_and_is_not_imported(packages):
    ships.copy(["pf_cloud.runtime"], packages)
    assert [name for name in carried(packages) if name.startswith("pf_")] == [
        "pf_cloud/__init__.py", "pf_cloud/runtime/deep/data.bin", "pf_cloud/runtime/loop.py",
    ]  # fmt: skip


def test_modules_and_modules_of_packages_ship_too(packages):
    ships.copy(["pf_single", "pf_cloud.home"], packages)
    assert [name for name in carried(packages) if name.startswith("pf_")] == [
        "pf_cloud/__init__.py", "pf_cloud/home.py", "pf_single.py",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["pf_absent", "pf_cloud.absent"])
def test_what_is_not_installed_is_the_plugins_fault(packages, name):
    with pytest.raises(PluginError, match=name.replace(".", r"\.")):
        ships.copy([name], packages)


def test_the_copy_stands_alone(tmp_path):
    ships.copy((), tmp_path / "runtime")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'runtime')!r}); import polyfn; "
        "[getattr(polyfn, name) for name in polyfn.__all__]; print(polyfn.__file__)"
    )
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith(str(tmp_path))
    assert not (tmp_path / "runtime" / "polyfn" / "toolchain").exists()
    # The command line's door, which leads into the toolchain.
    assert not (tmp_path / "runtime" / "polyfn" / "__main__.py").exists()


def test_the_desk_ships_its_runtime(tmp_path, monkeypatch):
    targets.write_runtime(tmp_path / "installed")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    ships.copy(targets.desk().ships, tmp_path / "runtime")
    assert (tmp_path / "runtime" / "deskruntime" / "start.py").is_file()
