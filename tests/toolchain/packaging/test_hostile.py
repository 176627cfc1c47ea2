"""Wheels that want more than to be installed."""

import stat
import subprocess
import sys
import zipfile

import pytest

from polyfn.toolchain import uv_command
from polyfn.toolchain.bundle import wheels
from polyfn.toolchain.bundle.dependencies import Target, install
from polyfn.toolchain.bundle.requirements import Requirements
from polyfn.toolchain.errors import DependencyError
from polyfn.toolchain.provider import Platform
from tests.toolchain.packaging import houses

AMD64 = Platform("amd64", (2, 34))


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Make a wheel with more in it, and install it."""
    place = tmp_path / "wheels" / "deep" / "deeper"
    place.mkdir(parents=True)
    monkeypatch.setenv("UV_FIND_LINKS", str(place))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv" / "deep" / "deeper"))

    def installed(files, links=()):
        houses.wheel(place, "evil", "py3-none-any", files={"evil.py": "X = 1\n", **files})
        with zipfile.ZipFile(place / "evil-1.0-py3-none-any.whl", "a", zipfile.ZIP_DEFLATED) as archive:
            for name, target in links:
                entry = zipfile.ZipInfo(name)
                entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
                archive.writestr(entry, target)
        site = tmp_path / "made" / "deep" / "site"
        install(Requirements("here", text="evil"), site, Target(houses.PYTHON, AMD64))
        return site

    return installed


@pytest.mark.parametrize(
    "name", ["../planted", "../../planted", "a/../../planted", "evil-1.0.data/data/../../planted",
             "evil-1.0.data/scripts/../../planted"],
)  # fmt: skip
def test_nothing_is_written_outside(installed, tmp_path, name):
    try:
        site = installed({name: "planted"})
    except DependencyError:
        site = None
    planted = [path for path in tmp_path.rglob("planted*") if tmp_path / "uv" not in path.parents]
    assert not [path for path in planted if site is None or not path.is_relative_to(site)]


def test_an_absolute_name_is_not_followed(installed, tmp_path):
    target = tmp_path / "absolute"
    try:
        installed({str(target): "planted"})
    except DependencyError:
        pass
    assert not target.exists()


def test_a_link_in_a_wheel_is_no_link_afterwards(installed):
    site = installed({}, [("passwords", "/etc/passwd"), ("up", "../..")])
    assert not [path for path in site.rglob("*") if path.is_symlink()]
    assert (site / "passwords").read_text() == "/etc/passwd"


def test_a_link_that_an_installer_made_is_refused(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "passwords").symlink_to("/etc/passwd")
    with pytest.raises(DependencyError, match="passwords, which is neither a file nor a directory"):
        wheels.check(site, AMD64, "amd64")


def test_scripts_and_headers_stay_home(installed):
    site = installed({"evil-1.0.data/scripts/run": "#!python\n", "evil-1.0.data/headers/evil.h": ""})
    assert sorted(path.name for path in site.iterdir()) == ["evil-1.0.dist-info", "evil.py"]


def test_a_script_that_leads_out_is_refused(installed):
    entries = "[console_scripts]\n../../planted = evil:main\n"
    with pytest.raises(DependencyError):
        installed({"evil-1.0.dist-info/entry_points.txt": entries})


def test_a_pth_file_runs_nothing_in_a_bundle(installed, tmp_path):
    mark = tmp_path / "mark"
    site = installed({"evil.pth": f"import pathlib; pathlib.Path({str(mark)!r}).touch()\n"})
    code = "import sys; sys.path.append(sys.argv[1]); import evil"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, site], check=True)
    assert not mark.exists()


def test_a_file_that_unpacks_to_too_much_is_refused(installed, monkeypatch, tmp_path):
    monkeypatch.setattr(uv_command, "FILE_LIMIT", 20_000_000)
    with pytest.raises(DependencyError, match=r"unpacks to a file above 0\.0 GB"):
        installed({"evil.bin": "\0" * 60_000_000})


def test_many_files_that_unpack_to_too_much_are_refused(installed, monkeypatch):
    monkeypatch.setattr(wheels, "LIMIT", 1_000_000)
    with pytest.raises(DependencyError, match="above the limit"):
        installed({f"evil{number}.bin": "\0" * 200_000 for number in range(10)})
