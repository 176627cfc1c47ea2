"""A report is read from an artifact once, and kept under its digest."""

import pytest

from polyfn.toolchain.errors import ArtifactError
from polyfn.toolchain.provider import Artifact
from polyfn.toolchain.report import examine, kept


@pytest.fixture
def examined(tmp_path, monkeypatch):
    """The names of artifacts that were opened."""
    monkeypatch.setenv("POLYFN_CACHE", str(tmp_path / "cache"))
    names = []
    real = examine.examine
    monkeypatch.setattr(
        examine, "examine", lambda path, **how: (names.append(path.name), real(path, **how))[1]
    )
    return names


def artifact(path):
    # Its digest is what a provider says, and not to be relied on.
    return Artifact(path, "aws", "amd64", "0" * 64, path.stat().st_size, 0, 0)


def test_the_same_bytes_are_examined_once(zipped, examined):
    made = artifact(zipped({"a.py": "x = 1\n"}, pkg=("1.0", {"pkg.py": "y = 2\n"})))
    first = kept.report(made)
    assert first == examine.examine(made.path)
    assert kept.report(made) == first
    assert examined == ["made.zip", "made.zip"]


def test_other_bytes_are_examined(zipped, examined):
    one = kept.report(artifact(zipped({"a.py": "x = 1\n"})))
    other = kept.report(artifact(zipped({"a.py": "x = 2\n"})))
    assert one.sha256 != other.sha256


def test_a_directory_is_examined_every_time(tmp_path, examined):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.py").write_text("x = 1\n")
    made = artifact(tmp_path / "tree")
    assert kept.report(made) == kept.report(made)
    assert len(examined) == 2


def test_what_is_no_archive_is_the_callers_to_judge(tmp_path, examined):
    (tmp_path / "a.bin").write_bytes(b"no archive")
    with pytest.raises(ArtifactError):
        kept.report(artifact(tmp_path / "a.bin"))
