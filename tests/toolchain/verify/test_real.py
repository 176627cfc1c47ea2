"""Finished artifacts of polyfn, as they are and with something wrong planted in them."""

import dataclasses
import subprocess
import tarfile
import time
import zipfile

import pytest

from polyfn.toolchain.bundle import elf as slow
from polyfn.toolchain.provider import Platform
from polyfn.toolchain.verify import elf, inspect, target_of, verify
from polyfn.toolchain.verify.checks.symbols import highest
from tests import parts
from tests.toolchain.verify import zips

ARCHS = ["amd64", "arm64"]
#: The interpreter is Debian 12's and needs its glibc, 2.36; what else is found is found in spite of it.
KNOWN = {"PV202", "PV204"}


def others(findings):
    """Findings that are not about Debian's interpreter."""
    return [one for one in findings if not (one.code in KNOWN and "the interpreter" in one.message)]


@pytest.mark.parametrize("arch", ARCHS)
def test_an_artifact_of_polyfn(made, aws, arch):
    report = inspect(made[arch], aws)
    assert (report.arch, report.python) == (arch, "3.11")
    assert others(report.findings) == []


@pytest.mark.parametrize("arch", ARCHS)
def test_an_interpreter_of_a_newer_system(made, aws, arch):
    """Debian 12's Python cannot run on Amazon Linux 2023: no test root of ours would have told."""
    errors = [one for one in verify(made[arch], aws) if one.severity == "error"]
    assert {one.code for one in errors} == {"PV202"}
    assert any("needs glibc 2.36, and the platform aws has 2.34" in one.message for one in errors)
    assert all(one.message.startswith("the interpreter: python/") for one in errors)


@pytest.mark.parametrize("arch", ARCHS)
def test_a_platform_with_a_newer_glibc(made, aws, arch):
    newer = dataclasses.replace(aws, platforms=(Platform("amd64", (2, 36)), Platform("arm64", (2, 36))))
    assert [one for one in verify(made[arch], newer) if one.severity == "error"] == []


def test_it_is_quick(made, aws):
    started = time.process_time()
    verify(made["amd64"], aws)
    assert time.process_time() - started < 2


def test_the_target_is_in_the_artifact(made):
    assert target_of(made["amd64"]) == "aws"


def test_for_the_other_architecture(made, aws):
    findings = verify(made["amd64"], aws, arch="arm64")
    wrong = [one for one in findings if one.code == "PV201"]
    assert any("pydantic_core 2" in one.message and "x86_64" in one.message for one in wrong)
    assert all(
        "is for amd64, and the artifact is for arm64" in one.message and one.severity == "error"
        for one in wrong
    )
    # One finding for each part, however many binaries it has.
    assert len(wrong) <= 4


def test_a_wheel_of_the_wrong_architecture(planted, binary, aws):
    tag = "cp311-cp311-manylinux_2_17_aarch64"
    file = "fastthing/_core.cpython-311-aarch64-linux-gnu.so"
    notes = zips.dist("fastthing", [file, "fastthing/__init__.py"], tag=tag)
    path = planted("amd64", {f"site/{file}": binary("arm64", "_pydantic_core"), **notes})
    (wrong,) = others(verify(path, aws))
    assert (wrong.code, wrong.severity, wrong.path) == ("PV201", "error", f"site/{file}")
    assert f"fastthing 1.0 (wheel {tag}): site/{file} is for arm64" in wrong.message


def test_a_binary_without_an_extension(planted, binary, aws):
    path = planted("arm64", {"app/tool": (binary("amd64", "_pydantic_core"), 0o755)})
    (wrong,) = others(verify(path, aws))
    assert (wrong.code, wrong.path) == ("PV201", "app/tool")


def test_a_symbol_of_a_newer_glibc(planted, aws, tmp_path):
    """arc4random came with glibc 2.36."""
    gcc = parts.need("gcc")
    source = tmp_path / "new.c"
    source.write_text("extern unsigned arc4random(void); unsigned f(void) { return arc4random(); }\n")
    done = subprocess.run(
        [gcc, "-shared", "-fPIC", "-o", tmp_path / "new.so", source], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "new.so").read_bytes()
    if highest(elf.parse(data), "GLIBC") != (2, 36):
        parts.missing("this machine's glibc has no arc4random, or gcc is not for amd64 with glibc")
    path = planted("amd64", {"site/newer/_new.so": data, **zips.dist("newer", ["newer/_new.so"])})
    (wrong,) = others(verify(path, aws))
    assert (wrong.code, wrong.path) == ("PV202", "site/newer/_new.so")
    assert "newer 1.0" in wrong.message
    assert "needs glibc 2.36, and the platform aws has 2.34" in wrong.message
    assert "manylinux" in wrong.remedy


def test_a_symbol_version_that_is_made_up(planted, binary, aws):
    data = binary("arm64", "_pydantic_core")
    assert b"\0GLIBC_2.17\0" in data
    path = planted("arm64", {"site/odd.so": data.replace(b"\0GLIBC_2.17\0", b"\0GLIBC_9.87\0")})
    (wrong,) = others(verify(path, aws))
    assert "needs glibc 9.87" in wrong.message


def test_a_libc_in_the_artifact_counts_in_place_of_the_platforms(planted, aws):
    root = parts.need("root-amd64")
    libc = next(path for path in root.rglob("libc.so.6")).read_bytes()
    loader = next(path for path in root.rglob("ld-linux-x86-64.so.2")).read_bytes()
    files = {"python/lib/libc.so.6": libc, "python/lib/ld-linux-x86-64.so.2": (loader, 0o755)}
    assert "PV202" not in zips.codes(planted("amd64", files), aws)


@pytest.mark.parametrize(
    ("name", "head", "code"),
    [
        ("site/a/_x.cpython-311-darwin.so", b"\xcf\xfa\xed\xfe" + b"\0" * 64, "PV206"),
        ("site/a/fat", b"\xca\xfe\xba\xbe\0\0\0\2" + b"\0" * 64, "PV206"),
        ("site/a/_x.pyd", b"MZ\x90\0" + b"\0" * 90, "PV207"),
        ("site/a/lib.dll", b"MZ\x90\0" + b"\0" * 90, "PV207"),
        ("site/distlib/t64.exe", b"MZ\x90\0" + b"\0" * 90, "PV208"),
    ],
)
def test_binaries_of_other_systems(planted, aws, name, head, code):
    (wrong,) = others(verify(planted("amd64", {name: head}), aws))
    assert (wrong.code, wrong.path) == (code, name)
    assert wrong.severity == ("note" if code == "PV208" else "error")


def test_a_class_file_of_java_is_no_binary_of_macos(planted, aws):
    path = planted("amd64", {"app/Some.class": b"\xca\xfe\xba\xbe\0\0\0\x34" + b"\0" * 64})
    assert others(verify(path, aws)) == []


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        (
            "_x.cpython-312-x86_64-linux-gnu.so",
            "PV301",
            "is for Python 3.12, and the artifact has Python 3.11",
        ),
        ("_x.cpython-311-aarch64-linux-gnu.so", "PV302", "is named for aarch64-linux-gnu"),
        ("_x.cpython-311t-x86_64-linux-gnu.so", "PV303", "is for Python without the GIL"),
    ],
)
def test_abi_tags(planted, binary, aws, file, code, words):
    path = planted("amd64", {f"site/one/{file}": binary("amd64", "_pydantic_core")})
    (wrong,) = others(verify(path, aws))
    assert (wrong.code, wrong.path) == (code, f"site/one/{file}")
    assert words in wrong.message


@pytest.mark.parametrize("file", ["_x.abi3.so", "_x.so", "_x.cpython-311.so"])
def test_abi_tags_that_fit(planted, binary, aws, file):
    path = planted("amd64", {f"site/one/{file}": binary("amd64", "_pydantic_core")})
    assert others(verify(path, aws)) == []


def test_the_stable_abi_is_not_that_of_the_free_threaded_build(binary, aws, tmp_path):
    files = {
        **zips.GOOD, "start.py": b"", "app/a.py": b"", "python/lib/python3.13t/os.py": b"",
        "site/_x.abi3.so": binary("amd64", "_pydantic_core"),
    }  # fmt: skip
    assert zips.only(zips.make(tmp_path / "a.zip", files), aws).code == "PV303"


@pytest.mark.parametrize(
    ("python", "tag", "fits"),
    [
        ("3.13t", "cp313-cp313t", True),
        ("3.13t", "py3-none", True),
        ("3.13t", "cp313-cp313", False),
        ("3.13t", "cp314-cp314t", False),
        ("3.13t", "cp39-abi3", False),
        ("3.14t", "cp314-abi3t", False),
        ("3.15t", "cp315-abi3t", True),
        ("3.16t", "cp315-abi3t", True),
        ("3.13", "cp313-cp313t", False),
    ],
)
def test_the_tags_of_a_wheel_tell_its_kind(aws, tmp_path, python, tag, fits):
    notes = zips.dist("one", ["one.py"], tag=f"{tag}-manylinux_2_17_x86_64")
    files = {
        **zips.GOOD, "start.py": b"", "app/a.py": b"", f"python/lib/python{python}/os.py": b"",
        "site/one.py": b"", **notes,
    }  # fmt: skip
    assert zips.codes(zips.make(tmp_path / "a.zip", files), aws) == ([] if fits else ["PV304"])


def test_a_module_for_two_versions_is_for_this_one(planted, binary, aws):
    data = binary("amd64", "_pydantic_core")
    names = ("_x.cpython-311-x86_64-linux-gnu.so", "_x.cpython-312-x86_64-linux-gnu.so")
    assert others(verify(planted("amd64", {f"site/one/{name}": data for name in names}), aws)) == []


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("cp311-cp311-manylinux_2_17_x86_64", True),
        ("cp38-abi3-manylinux_2_17_x86_64", True),
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp312-cp312-manylinux_2_17_x86_64", False),
        ("cp311-cp311-manylinux_2_17_aarch64", False),
        ("cp311-cp311-macosx_11_0_arm64", False),
        ("cp311-cp311-win_amd64", False),
    ],
)
def test_the_tags_of_a_wheel(planted, aws, tag, fits):
    found = others(
        verify(planted("amd64", {"site/one.py": b"", **zips.dist("one", ["one.py"], tag=tag)}), aws)
    )
    assert [one.code for one in found] == ([] if fits else ["PV304"])


def test_musl(planted, binary, aws):
    data = binary("amd64", "_pydantic_core").replace(b"\0libc.so.6\0", b"\0libc.so\0\0\0")
    found = others(verify(planted("amd64", {"site/m/_m.so": data}), aws))
    assert [(one.code, one.path) for one in found] == [("PV205", "site/m/_m.so")]


def test_a_library_that_is_nowhere(planted, binary, aws):
    data = binary("amd64", "_pydantic_core").replace(b"\0libgcc_s.so.1\0", b"\0libodd_s.so.1\0")
    path = planted("amd64", {"site/m/_m.so": data})
    (wrong,) = others(verify(path, aws))
    assert (wrong.code, wrong.severity) == ("PV204", "error")
    assert "needs libodd_s.so.1" in wrong.message
    with zipfile.ZipFile(path, "a") as archive:
        zips.add(archive, "python/lib/libodd_s.so.1", binary("amd64", "libz.so.1"))
    assert others(verify(path, aws)) == []


def test_a_cut_off_binary(planted, binary, aws):
    path = planted("amd64", {"site/m/_m.so": binary("amd64", "_pydantic_core")[:5000]})
    assert [one.code for one in others(verify(path, aws))] == ["PV209"]


def test_a_directory_and_a_tar_say_the_same(made, aws, tmp_path):
    from polyfn.toolchain.artifacts.zip import unpack

    unpack(made["arm64"], tmp_path / "tree")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(tmp_path / "tree", ".")
    wanted = {(one.code, one.message) for one in verify(made["arm64"], aws)}
    for path in (tmp_path / "tree", tmp_path / "a.tar.gz"):
        assert {(one.code, one.message) for one in verify(path, aws)} == wanted


@pytest.mark.parametrize("arch", ARCHS)
def test_the_quick_reader_of_elf_agrees_with_the_thorough_one(made, arch, tmp_path):
    compared = 0
    with zipfile.ZipFile(made[arch]) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if not data.startswith(elf.MAGIC):
                continue
            (tmp_path / "binary").write_bytes(data)
            quick, thorough = elf.parse(data), slow.read(tmp_path / "binary")
            assert (quick.machine, quick.interpreter, quick.needed) == (
                thorough.machine, thorough.interpreter, thorough.needed,
            ), name  # fmt: skip
            glibc = highest(quick, "GLIBC")
            assert (glibc and glibc[:2]) == thorough.glibc, name
            compared += 1
    assert compared > 30


def test_a_missing_module_of_the_interpreter(planted, aws):
    """What polyfn left out of the interpreter is told apart from what never was there."""
    text = b"import tkinter\nimport nowhere\nimport socket, zlib, _json, ssl, itertools, asyncio.tasks\n"
    found = others(verify(planted("amd64", {"app/more.py": text}), aws))
    assert [(one.code, one.severity) for one in found] == [("PV310", "note"), ("PV311", "note")]
    assert "app/more.py:2 imports nowhere" in found[0].message
    assert 'keep = ["tkinter"]' in found[1].remedy


def test_stale_bytecode_that_python_would_trust(made, aws, tmp_path):
    from polyfn.toolchain.artifacts.zip import unpack

    unpack(made["amd64"], tmp_path / "tree")
    if not (pyc := list((tmp_path / "tree/app/__pycache__").glob("hello*.pyc"))):
        pytest.fail("the artifact has no bytecode of hello.py")
    assert len(pyc) == 1
    with (tmp_path / "tree/app/hello.py").open("a") as file:
        file.write("# changed\n")
    (wrong,) = others(verify(tmp_path / "tree", aws))
    assert wrong.code == "PV309"
    assert "was not compiled from app/hello.py" in wrong.message
