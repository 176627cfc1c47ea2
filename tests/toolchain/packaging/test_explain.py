"""Why a wheel was chosen, and why the others were not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.bundle import explain
from polyfn.toolchain.bundle.dependencies import Target
from polyfn.toolchain.bundle.requirements import Requirements
from polyfn.toolchain.bundle.resolve import Resolver
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.packaging import PackageRequest
from polyfn.toolchain.preview import preview
from polyfn.toolchain.provider import Platform
from tests.toolchain.packaging import houses

ARM64 = Platform("arm64", (2, 34))
BEST = "x-1-cp311-cp311-manylinux_2_17_aarch64.whl"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("x-1-cp311-cp311-manylinux_2_17_x86_64.whl", "for another architecture"),
        ("x-1-cp311-cp311-manylinux_2_35_aarch64.whl", "needs glibc 2.35, above 2.34"),
        ("x-1-cp311-cp311-musllinux_1_2_aarch64.whl", "for musl, not glibc"),
        ("x-1-cp312-cp312-manylinux_2_17_aarch64.whl", "for another version of Python"),
        ("x-1-cp312-abi3-manylinux_2_17_aarch64.whl", "for a newer Python"),
        ("x-1-cp313-cp313t-manylinux_2_17_aarch64.whl", "for free-threaded Python"),
        ("x-1-pp311-pypy311_pp73-manylinux_2_17_aarch64.whl", "for another implementation of Python"),
        ("x-1-cp311-cp311-macosx_11_0_arm64.whl", "for macOS"),
        ("x-1-cp311-cp311-win_arm64.whl", "for Windows"),
        ("x-1-py3-none-any.whl", "fits less well"),
        ("x-1-cp311-cp311-manylinux1_x86_64.manylinux_2_40_aarch64.whl", "needs glibc 2.40, above 2.34"),
        ("x-1.whl", "not a wheel's name"),
    ],
)
def test_the_reason_against_a_wheel(file, reason):
    assert explain.against(file, "3.11", ARM64, BEST) == reason


@given(glibc=st.integers(17, 45), minor=st.integers(11, 15))
def test_a_supported_tag_never_needs_more_than_the_platform_has(glibc, minor):
    tags = explain.supported(f"3.{minor}", Platform("amd64", (2, glibc)))
    levels = {tag.platform for tag in tags}
    assert f"manylinux_2_{glibc}_x86_64" in levels
    assert "manylinux2014_x86_64" in levels
    assert f"manylinux_2_{glibc + 1}_x86_64" not in levels
    assert tags[0].interpreter == f"cp3{minor}"
    assert tags[0].platform == f"manylinux_2_{glibc}_x86_64"


def test_what_uv_took_and_what_else_there_is(house, tmp_path, monkeypatch):
    place = tmp_path / "wheels"
    place.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(place))
    tag = f"cp{houses.PYTHON.replace('.', '')}"
    for end in (
        "manylinux_2_17_x86_64",
        "manylinux_2_17_aarch64",
        "manylinux_2_28_aarch64",
        "manylinux_2_39_aarch64",
    ):
        houses.wheel(place, "pf_many", f"{tag}-{tag}-{end}")
    houses.wheel(place, "pf_many", "py3-none-any")
    houses.source(place, "pf_pure", houses.BACKEND.format(name="pf_pure", tag="py3-none-any"))
    requirements, target = Requirements("here", text="pf_many\npf_pure"), Target(houses.PYTHON, ARM64)
    resolved = Resolver(Store(tmp_path / "cache")).resolve(requirements, target)
    many, pure = explain.explain(requirements, [resolved], target)
    assert many.file == f"pf_many-1.0-{tag}-{tag}-manylinux_2_28_aarch64.whl"
    assert many.reason == f"the best fit: {tag}, manylinux_2_28_aarch64"
    assert {file.rpartition("-")[2]: reason for file, reason in many.rejected} == {
        "any.whl": "fits less well", "manylinux_2_17_aarch64.whl": "fits less well",
        "manylinux_2_17_x86_64.whl": "for another architecture",
        "manylinux_2_39_aarch64.whl": "needs glibc 2.39, above 2.34",
    }  # fmt: skip
    assert many.counted().startswith("2 fits less well, 1 ")
    assert pure.file == "pf_pure-1.0.tar.gz"
    assert "built from source" in pure.reason


def test_a_preview_builds_nothing(house, write, desk, tmp_path, log):
    root = write(
        {"hello.py": "# /// script\n# dependencies = ['pf_small']\n# ///\nraise SystemExit('imported')\n"}
    )
    request = PackageRequest(
        root / "hello.py", "desk", ("amd64", "arm64"), interpreter="platform", out=tmp_path / "out"
    )
    previews = preview(request, log=log, plugins=desk)
    assert [one.arch for one in previews] == ["amd64", "arm64"]
    assert previews[0].files == ("hello.py",)
    assert [choice.file for choice in previews[0].distributions] == ["pf_small-1.0-py3-none-any.whl"]
    assert not (tmp_path / "out").exists()


def test_a_preview_tells_what_is_left_out_of_the_interpreter(write, desk, tmp_path, log):
    root = write({"hello.py": ""})
    here = {"x86_64": "amd64", "aarch64": "arm64"}[houses.MACHINE]
    request = PackageRequest(root / "hello.py", "desk", (here,), interpreter="host", out=tmp_path / "out")
    (one,) = preview(request, log=log, plugins=desk)
    left = {path: keep for path, size, keep in one.left_out}
    assert [keep for path, keep in left.items() if path.endswith("/turtle.py")] == ["tkinter"]
