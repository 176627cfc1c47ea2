"""What appears in `--out`, and when: all of it in the end, or nothing."""

import pytest

from polyfn.toolchain.errors import ArtifactError, InterpreterError, UsageError
from polyfn.toolchain.packaging import PackageRequest, package
from polyfn.toolchain.project import load
from polyfn.toolchain.publishing import refuse_among_code, staging

HELLO = "import polyfn\n\n@polyfn.function\ndef hello(): ...\n"


@pytest.fixture
def request_for(write, tmp_path):
    def request_for(**settings):
        root = write({"hello.py": HELLO})
        settings = {"interpreter": "platform", "out": tmp_path / "made" / "out", **settings}
        return PackageRequest(root / "hello.py", "desk", **settings)

    return request_for


def test_artifacts_take_the_place_of_older_ones(tmp_path):
    (tmp_path / "out" / "tree").mkdir(parents=True)
    (tmp_path / "out" / "tree" / "old").touch()
    (tmp_path / "out" / "file").write_text("old")
    with staging(tmp_path / "out") as place:
        (place / "tree").mkdir()
        (place / "tree" / "new").touch()
        (place / "file").write_text("new")
        assert (tmp_path / "out" / "file").read_text() == "old"
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["file", "new", "tree"]
    assert (tmp_path / "out" / "file").read_text() == "new"


def test_a_file_takes_the_place_of_a_directory_and_the_other_way_round(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "inside").touch()
    (tmp_path / "two").touch()
    with staging(tmp_path) as place:
        (place / "one").touch()
        (place / "two").mkdir()
    assert (tmp_path / "one").is_file()
    assert (tmp_path / "two").is_dir()


@pytest.mark.parametrize("kept", [True, False], ids=["there before", "made for it"])
def test_after_an_error_it_is_as_it_was(tmp_path, kept):
    out = tmp_path / "a" / "b"
    if kept:
        out.mkdir(parents=True)
        (out / "file").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ZeroDivisionError), staging(out) as place:
        (place / "file").write_text("new")
        raise ZeroDivisionError
    assert sorted(tmp_path.rglob("*")) == before
    assert not kept or (out / "file").read_text() == "old"


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path, desk, request_for):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="artifacts cannot be written to"):
        package(request_for(out=tmp_path / "file" / "out"), plugins=desk)
    assert desk.called == []


def test_one_architecture_alone_is_not_published(tmp_path, desk, request_for):
    def refuse(artifact, build):
        if build.bundle.arch == "arm64":
            raise ArtifactError("the scanner found something")

    desk.hook.polyfn_after_package = refuse
    with pytest.raises(ArtifactError):
        package(request_for(archs=("amd64", "arm64"), python="3.11"), plugins=desk)
    assert not (tmp_path / "made").exists()


def test_what_a_hook_writes_beside_an_artifact_comes_along(tmp_path, desk, request_for):
    def sign(artifact, build):
        (artifact.path.parent / f"{artifact.path.name}.sig").write_text("signed")

    desk.hook.polyfn_after_package = sign
    (artifact,) = package(request_for(), plugins=desk)
    assert artifact.path == tmp_path / "made" / "out" / "hello-desk-amd64"
    assert sorted(path.name for path in artifact.path.parent.iterdir()) == [
        "hello-desk-amd64", "hello-desk-amd64.sig",
    ]  # fmt: skip


def test_an_interpreter_of_another_architecture_is_refused_before_any_work(desk, request_for):
    with pytest.raises(InterpreterError, match="this machine's interpreter is for"):
        package(request_for(archs=("amd64", "arm64"), interpreter="host"), plugins=desk)
    assert desk.called == []


@pytest.mark.parametrize("out", [".", "app", "app/deep"])
def test_artifacts_among_the_code_are_refused(write, out):
    pyproject = "[tool.polyfn]\nmodule = 'app.deep.main'\n"
    root = write({"pyproject.toml": pyproject, "app/deep/main.py": HELLO})
    with pytest.raises(UsageError, match="directory of the project's code"):
        refuse_among_code(root / out, load(root))


@pytest.mark.parametrize("out", ["..", "dist", "app/dist", "../dist"])
def test_artifacts_elsewhere_are_fine(write, out):
    pyproject = "[tool.polyfn]\nmodule = 'app.deep.main'\n"
    root = write({"pyproject.toml": pyproject, "app/deep/main.py": HELLO})
    refuse_among_code(root / out, load(root))
    refuse_among_code(root / "app" / "deep", load(root / "app" / "deep" / "main.py"))
