"""Dependencies for another machine, and what is said of those that cannot be had."""

import csv

import pytest

from polyfn.toolchain.bundle import wheels
from polyfn.toolchain.bundle.dependencies import Target, install, missing, tag
from polyfn.toolchain.bundle.requirements import Requirements, staying_home
from polyfn.toolchain.errors import DependencyError, NoWheelError
from polyfn.toolchain.provider import Platform
from tests.toolchain.packaging.houses import MACHINE, PYTHON

AMD64, ARM64 = Platform("amd64", (2, 34)), Platform("arm64", (2, 34))
HOST = Platform({"x86_64": "amd64", "aarch64": "arm64"}[MACHINE], (2, 34))


def installed(tmp_path, text, platform=AMD64, **options):
    return install(Requirements("here", text=text), tmp_path / "site", Target(PYTHON, platform), **options)


def test_a_site_holds_only_what_is_the_same_everywhere(house, tmp_path):
    assert installed(tmp_path, "pf_small") == {"pf_small": "1.0"}
    site = tmp_path / "site"
    assert sorted(path.name for path in site.iterdir()) == ["pf_small-1.0.dist-info", "pf_small.py"]
    notes = site / "pf_small-1.0.dist-info"
    assert sorted(path.name for path in notes.iterdir()) == [
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
    ]
    rows = [row[0] for row in csv.reader((notes / "RECORD").read_text().splitlines())]
    assert rows == sorted(rows)
    assert all((site / row).is_file() for row in rows)


def test_two_installations_are_alike(house, tmp_path):
    def content(folder):
        installed(folder, "pf_small\npf_pure")
        site = folder / "site"
        return {str(p.relative_to(site)): p.read_bytes() for p in site.rglob("*") if p.is_file()}

    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_nothing_is_linked_to_the_cache(house, tmp_path):
    installed(tmp_path, "pf_small")
    assert (tmp_path / "site" / "pf_small.py").stat().st_nlink == 1


def test_polyfn_stays_home_however_it_is_asked_for(house, tmp_path):
    assert installed(tmp_path, "pf_needs_polyfn\npolyfn[aws]\npolyfn-aws") == {
        "pf_needs_polyfn": "1.0",
        "pf_small": "1.0",
    }
    assert "polyfn" in staying_home()


def test_a_pure_source_distribution_is_built(house, tmp_path):
    assert installed(tmp_path, "pf_pure", ARM64) == {"pf_pure": "1.0"}


def test_what_binding_needs_is_added_and_counted_once(house, tmp_path):
    assert installed(tmp_path, "", needs=["pf_small"]) == {"pf_small": "1.0"}
    assert missing(["pf-small", "pydantic"], tmp_path / "site") == ["pydantic"]


def test_a_lock_decides_the_version_of_what_is_added(tmp_path, wheelhouse, monkeypatch):
    from tests.toolchain.packaging import houses

    for release in ("1.0", "2.0"):
        (tmp_path / "house").mkdir(exist_ok=True)
        houses.wheel(tmp_path / "house", "pf_two", "py3-none-any", version=release)
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "house"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    requirements = Requirements("uv.lock", constraints="pf_two==1.0")
    assert install(requirements, tmp_path / "site", Target(PYTHON, AMD64), needs=["pf_two"]) == {
        "pf_two": "1.0"
    }


def test_nothing_to_install_makes_no_site(tmp_path):
    assert installed(tmp_path, "") == {}
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("requirement", "platform", "name"),
    [
        ("pf_only_amd64", ARM64, "pf-only-amd64"),
        ("pf_old", AMD64, "pf-old"),
        ("pf_native", HOST, "pf_native"),
        ("pf_native", ARM64 if HOST.arch == "amd64" else AMD64, "pf-native"),
    ],
)
def test_no_wheel_names_distribution_and_target(house, tmp_path, requirement, platform, name):
    with pytest.raises(NoWheelError) as caught:
        installed(tmp_path, requirement, platform)
    assert caught.value.code == "PF403"
    assert caught.value.message.startswith(name)
    assert f"Python {PYTHON} on {platform.arch}" in caught.value.message
    assert caught.value.hint


def test_an_unbuildable_source_is_told_with_its_own_words(house, tmp_path):
    with pytest.raises(DependencyError) as caught:
        installed(tmp_path, "pf_broken")
    assert caught.value.code == "PF402"
    assert "its source cannot be built" in caught.value.message
    assert "no compiler for you" in caught.value.message


@pytest.mark.parametrize(
    ("requirement", "said", "hint"),
    [
        ("pf_small==9", "do not resolve", "a version that the index does not have"),
        ("pf_absent", "pf-absent was not found", "is the name 'pf-absent' right"),
        ("pf_small==1.0\npf_small==1.1", "do not resolve", "exclude each other"),
        ("pf_small @ git+https://127.0.0.1:9/x.git", "cannot be fetched from its repository", "URL"),
    ],
)
def test_what_does_not_resolve_says_why(house, tmp_path, requirement, said, hint):
    with pytest.raises(DependencyError) as caught:
        installed(tmp_path, requirement)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_an_index_that_cannot_be_reached_is_told_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(DependencyError, match="the package index cannot be reached"):
        installed(tmp_path, "pf_small")


def test_hashes_are_kept_to(house, tmp_path):
    wrong = Requirements("uv.lock", text=f"pf_small==1.0 --hash=sha256:{'0' * 64}", hashed=True)
    with pytest.raises(DependencyError) as caught:
        install(wrong, tmp_path / "site", Target(PYTHON, AMD64))
    assert "differs from what was locked" in caught.value.hint


@pytest.mark.parametrize(
    ("glibc", "expected"), [((2, 34), "2_34"), ((2, 26), "2_17"), ((2, 12), "2_17"), ((2, 99), "2_40")]
)
def test_the_highest_level_that_the_platform_reaches(glibc, expected):
    assert tag(Platform("arm64", glibc)) == f"aarch64-manylinux_{expected}"


@pytest.mark.parametrize(
    ("wheel", "travels"),
    [
        ("py3-none-any", True),
        ("cp311-cp311-manylinux_2_17_x86_64", True),
        ("cp311-abi3-musllinux_1_2_aarch64", True),
        ("cp311-cp311-linux_x86_64", False),
        ("cp311-cp311-macosx_11_0_arm64", False),
        ("cp311-cp311-win_amd64", False),
    ],
)
def test_only_some_wheels_travel(wheel, travels):
    assert wheels.portable(wheel) is travels


def test_a_path_to_a_source_is_no_dependency_that_travels(tmp_path):
    notes = tmp_path / "pf_tree-1.0.dist-info"
    notes.mkdir()
    (notes / "WHEEL").write_text("Tag: py3-none-any\n")
    (notes / "direct_url.json").write_text('{"url": "file:///home", "dir_info": {}}')
    wheels.check(tmp_path, AMD64, "here")
    (notes / "direct_url.json").write_text('{"url": "file:///home", "dir_info": {"editable": true}}')
    with pytest.raises(DependencyError, match="pf_tree was installed as a path to its source"):
        wheels.check(tmp_path, AMD64, "here")


@pytest.mark.parametrize(("platform", "machine"), [(AMD64, "EM_X86_64"), (ARM64, "EM_AARCH64")])
def test_pydantic_for_both_architectures_from_the_public_index(tmp_path, platform, machine):
    from elftools.elf.elffile import ELFFile

    found = installed(tmp_path, "pydantic>=2", platform)
    assert "pydantic_core" in found
    libraries = list((tmp_path / "site").rglob("*.so"))
    assert libraries
    for library in libraries:
        with library.open("rb") as file:
            assert ELFFile(file)["e_machine"] == machine
