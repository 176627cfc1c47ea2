"""What users get wrong, on the provider for AWS: each a clear error with its code and exit status."""

import json
import zipfile

import pytest

GOOD = "import polyfn\n\n@polyfn.function\ndef good(event: dict): ...\n"
TYPED = """# /// script
# dependencies = ["pydantic"]
# ///
import polyfn, pydantic

class Greeting(pydantic.BaseModel):
    name: str

@polyfn.function
def hello(event: Greeting):
    return event.name
"""


@pytest.fixture
def aws(site):
    # The distribution of the work tree: its code is importable already, and this is all that discovery reads.
    site.install("polyfn-aws", {}, version="0.1.0", providers={"aws": "polyfn_aws.provider"})
    return site


def dependency(path):
    return (
        f'# /// script\n# dependencies = ["{path.name.partition("-")[0]} @ {path.as_uri()}"]\n# ///\n' + GOOD
    )


def failed(done, status, code, *words):
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert f"error[{code}]: " in done.stderr
    assert "\nhint: " in done.stderr
    assert "polyfn/toolchain" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("command", [["package", "bad.py"], ["check", "bad.py"], ["invoke", "bad.py"]])
def test_a_broken_module(aws, command):
    (aws.root / "bad.py").write_text("import polyfn\n\nsettings = {}\nsettings['url']\n")
    done = aws.polyfn(*command, "--target", "aws")
    failed(
        done, 1, "PF102", "the module 'bad' cannot be imported: KeyError: 'url'", "bad.py:4: settings['url']"
    )


def test_a_wrong_declaration(aws):
    (aws.root / "bad.py").write_text(GOOD.replace("@polyfn.function", "@polyfn.function(polyfn.Queue)"))
    failed(aws.polyfn("check", "bad.py", "--target", "aws"), 1, "PF101", "bad.py:3", "polyfn.Queue('orders')")


def test_a_missing_handler(aws):
    (aws.root / "bad.py").write_text("def hello(event): ...\n")
    failed(aws.polyfn("package", "bad.py", "--target", "aws"), 1, "PF103", "@polyfn.function")


def test_a_payload_that_does_not_fit(aws):
    (aws.root / "typed.py").write_text(TYPED)
    done = aws.polyfn("invoke", "typed.py", "--target", "aws", "--data", '{"name": 5}')
    assert done.returncode == 1, done.stderr
    assert "PF104" in json.loads(done.stdout)["errorMessage"]
    assert "name: Input should be a valid string" in done.stderr
    assert done.stderr.splitlines()[-1] == "failed: hello: Unhandled"


def test_a_wrong_target(aws):
    (aws.root / "good.py").write_text(GOOD)
    failed(aws.polyfn("package", "good.py", "--target", "asw"), 3, "PF301", "did you mean 'aws'?")


def test_a_missing_plugin(aws):
    (aws.root / "good.py").write_text(GOOD)
    done = aws.polyfn("package", "good.py", "--target", "cloudzilla")
    failed(done, 3, "PF301", "installed: aws", "pip install polyfn-cloudzilla")


def test_an_architecture_that_is_none(aws):
    (aws.root / "good.py").write_text(GOOD)
    failed(
        aws.polyfn("package", "good.py", "--target", "aws", "--arch", "riscv64"), 2, "PF200", "amd64 or arm64"
    )


def test_a_python_that_is_none(aws):
    (aws.root / "good.py").write_text(GOOD)
    failed(aws.polyfn("package", "good.py", "--target", "aws", "--python", "3.7"), 3, "PF305", "3.11")


def test_a_dependency_that_cannot_be_built(aws):
    source = aws.root / "unbuildable-1.0"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "unbuildable"\nversion = "1.0"\n'
    )
    (source / "backend.py").write_text("raise RuntimeError('needs a compiler from 1970')\n")
    (aws.root / "bad.py").write_text(dependency(source))
    failed(
        aws.polyfn("package", "bad.py", "--target", "aws"),
        4,
        "PF402",
        "unbuildable",
        "needs a compiler from 1970",
    )


def test_an_architecture_without_wheels(aws):
    wheel = aws.root / "elsewhere-1.0-py3-none-win_amd64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "elsewhere-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n"
        )
        archive.writestr("elsewhere-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-win_amd64\n")
        archive.writestr("elsewhere-1.0.dist-info/RECORD", "")
    (aws.root / "bad.py").write_text('# /// script\n# dependencies = ["elsewhere"]\n# ///\n' + GOOD)
    done = aws.polyfn("package", "bad.py", "--target", "aws", UV_NO_INDEX="1", UV_FIND_LINKS=str(aws.root))
    failed(done, 4, "PF403", "elsewhere has no wheel for Python 3", "win_amd64")


def test_not_a_project(aws):
    failed(aws.polyfn("package", "--target", "aws"), 2, "PF201", "has no pyproject.toml")


def test_settings_of_the_target_that_are_wrong(aws):
    (aws.root / "good.py").write_text("# /// script\n# [tool.polyfn.aws]\n# colour = 1\n# ///\n" + GOOD)
    failed(aws.polyfn("package", "good.py", "--target", "aws"), 2, "PF201", "tool.polyfn.aws.colour")
