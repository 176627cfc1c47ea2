"""Every byte of an artifact has one owner."""

import tarfile
import zipfile

import pytest

from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.report.contents import contents
from polyfn.toolchain.report.distributions import Distribution, distributions
from polyfn.toolchain.report.examine import examine
from polyfn.toolchain.report.ownership import Owners, source_of

# Making the parts may include downloads.
pytestmark = pytest.mark.timeout(300)

END_OF_ZIP = 22


def part(report, name):
    return next(one for one in report.parts if one.name == name)


def test_the_parts_of_a_real_artifact_add_up_to_the_file(hello, report):
    assert sum(one.packed for one in report.parts) + END_OF_ZIP == hello.stat().st_size == report.size
    with zipfile.ZipFile(hello) as archive:
        assert sum(one.unpacked for one in report.parts) == sum(info.file_size for info in archive.infolist())
        assert sum(one.files for one in report.parts) == len(archive.infolist()) == report.files


def test_a_real_artifact_part_by_part(hello, report):
    assert {one.kind for one in report.parts} == {"interpreter", "runtime", "app", "distribution", "start"}
    assert part(report, "python").version == report.python
    assert part(report, "hello").kind == "app"
    assert set(part(report, "pydantic").wheel) == {"py3-none-any"}
    assert all(tag.startswith("cp311-cp311-manylinux") for tag in part(report, "pydantic_core").wheel)
    # Its bytecode is its own: as many as there are sources, and more than RECORD lists.
    with zipfile.ZipFile(hello) as archive:
        inside = [
            name for name in archive.namelist() if name.startswith(("site/pydantic/", "site/pydantic-"))
        ]
    assert part(report, "pydantic").files == len(inside)
    assert [one.packed for one in report.parts] == sorted((one.packed for one in report.parts), reverse=True)


def test_a_directory_and_a_tar_have_the_same_parts(hello, report, tmp_path):
    with zipfile.ZipFile(hello) as archive:
        archive.extractall(tmp_path / "tree")
    with tarfile.open(tmp_path / "tree.tar.gz", "w:gz", compresslevel=1) as tar:
        tar.add(tmp_path / "tree", "./")
    for path in (tmp_path / "tree", tmp_path / "tree.tar.gz"):
        other = examine(path)
        assert {(one.name, one.unpacked, one.files) for one in other.parts} == {
            (one.name, one.unpacked, one.files) for one in report.parts
        }
        assert {one.packed for one in other.parts} == {None}
        assert (other.size is None) is path.is_dir()


def test_a_zip_that_polyfn_did_not_make(zipped):
    path = zipped({"handler.py": "x = 1\n"}, pkg=("2.0", {"pkg/__init__.py": "", "pkg/data.txt": "text"}))
    report = examine(path)
    assert (report.project, report.target, report.arch) == ("made", None, None)
    assert {(one.kind, one.name, one.files) for one in report.parts} == {
        ("app", "made", 1),
        ("distribution", "pkg", 4),
    }


def test_two_of_one_name_are_two_parts(zipped):
    vendored = {"a/vendor/b.py": "", "a/vendor/b-1.0.dist-info/METADATA": "Name: b\nVersion: 1.0\n"}
    record = "b.py,,\nb-1.0.dist-info/METADATA,,\nb-1.0.dist-info/RECORD,,\n"
    own = {**vendored, "a/vendor/b-1.0.dist-info/RECORD": record, "a/__init__.py": ""}
    report = examine(zipped({}, a=("1.0", own), b=("2.0", {"b.py": "x"})))
    assert {(one.name, one.version, one.files) for one in report.parts} == {
        ("a", "1.0", 3),
        ("b in a/vendor", "1.0", 3),
        ("b", "2.0", 3),
    }


def test_a_distribution_without_a_record_has_what_bears_its_name(zipped):
    notes = {"some_pkg-1.0.dist-info/METADATA": "Name: Some.Pkg\nVersion: 1.0\n"}
    path = zipped({**notes, "some_pkg/__init__.py": "", "some_pkg.py": "", "some_pkg_other/x.py": ""})
    with contents(path) as opened:
        [found] = distributions(opened)
    assert found.files == {*notes, "some_pkg/__init__.py", "some_pkg.py"}


def owned(base, **files):
    return Owners(
        Distribution(name, "1", base, f"{base}{name}.dist-info", files=frozenset(f))
        for name, f in files.items()
    )


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("site/a/__init__.py", "a"),
        ("site/a/__pycache__/__init__.cpython-311.pyc", "a"),
        ("site/a/deep/made_later.txt", "a"),
        ("site/shared/__pycache__/b.cpython-313.opt-1.pyc", "b"),
        ("site/shared/made_later.txt", None),
        ("site/shared/only_b/made_later.txt", "b"),
        ("site/made_later.txt", None),
        ("app/a/__init__.py", None),
    ],
)
def test_whose_a_file_is(name, owner):
    owners = owned(
        "site/",
        a=["site/a/__init__.py", "site/shared/a.py"],
        b=["site/shared/b.py", "site/shared/only_b/x.py"],
    )
    found = owners.owner(name)
    assert (found.name if found else None) == owner


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a/__pycache__/m.cpython-311.pyc", "a/m.py"),
        ("__pycache__/m.cpython-311.opt-2.pyc", "m.py"),
        ("a/m.pyc", "a/m.py"),
        ("a/m.so", "a/m.so"),
    ],
)
def test_the_source_of_bytecode(name, source):
    assert source_of(name) == source


@pytest.mark.parametrize("content", [None, b"", b"no archive", "truncated"])
def test_what_is_no_artifact(content, hello, tmp_path):
    path = tmp_path / "x.zip"
    if content is not None:
        path.write_bytes(hello.read_bytes()[:5000] if content == "truncated" else content)
    with pytest.raises(ArtifactError, match=r"x\.zip (is no archive that can be read|does not exist)"):
        examine(path)


def test_a_manifest_that_is_none(zipped):
    with pytest.raises(ArtifactError, match=r"made\.zip: its polyfn\.json cannot be read"):
        examine(zipped({"polyfn.json": "{}"}))
