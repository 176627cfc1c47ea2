"""docs/writing-a-provider.md: its files become a real wheel, installed and used through the command line."""

import inspect
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from polyfn.toolchain import hooks
from tests.toolchain.plugins.distributions import Site

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "writing-a-provider.md").read_text()
FILES = {
    name: body
    for _, name, body in re.findall(r"^```(python|toml)\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
}
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The tutorial's distribution, built as a wheel and installed by the installer that polyfn uses."""
    place = tmp_path_factory.mktemp("tutorial")
    project = place / "polyfn-tarball"
    for name, body in FILES.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    for package in ("polyfn_tarball", "polyfn_tarball/runtime"):
        (project / package / "__init__.py").touch()
    build = ["-c", "import hatchling.build as b; print(b.build_wheel('.'))"]
    run([sys.executable, *build], cwd=project)
    [wheel] = project.glob("*.whl")
    uv = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--quiet"]
    run([*uv, "--python", sys.executable, "--target", str(place / "site"), str(wheel)])
    shutil.copy(ROOT / "examples" / "hello" / "hello.py", place / "site")
    return Site(place / "site")


def run(command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_has_the_files_that_it_lists():
    listed = set(re.findall(r"([\w.]+\.(?:py|toml)) ", PAGE.split("```")[1])) - {"__init__.py"}
    listed |= {"pyproject.toml"}
    assert {Path(name).name for name in FILES} == listed


def test_it_is_listed_without_being_imported(site):
    done = site.polyfn("providers", "--json")
    [tarball] = [p for p in json.loads(done.stdout)["providers"] if p["name"] == "tarball"]
    assert tarball["distribution"] == "polyfn-tarball"
    assert tarball["version"] == "0.1.0"


def test_the_commands_of_the_page_print_what_it_says(site):
    [block] = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    steps = [step.partition("\n") for step in block.split("$ ")[1:]]
    assert [shlex.split(command)[1] for command, _, _ in steps] == [
        "install", "providers", "package", "invoke", "check",
    ]  # fmt: skip
    for command, _, expected in steps[1:]:
        done = site.polyfn(*shlex.split(command.replace("amd64", ARCH))[1:])
        assert done.returncode == 0, done.stderr
        if expected:
            assert done.stdout == expected.replace("amd64", ARCH), done.stderr
        else:
            assert "a tar file that talks JSON lines" in done.stdout


def test_the_wrap_is_the_same_twice(site):
    done = site.python("""
        import os, pathlib, tempfile
        from polyfn.toolchain.manifest import Manifest
        from polyfn.toolchain.provider import Build, Bundle, NoSettings
        from polyfn_tarball.package import package

        def wrapped(when):
            root, out = pathlib.Path(tempfile.mkdtemp(dir=".")), pathlib.Path(tempfile.mkdtemp(dir="."))
            for name in ("start", "app/hello.py"):
                (root / name).parent.mkdir(exist_ok=True)
                (root / name).write_text(name)
                os.utime(root / name, (when, when))
            (root / "start").chmod(0o755)
            bundle = Bundle(root, "amd64", "3.13", "managed", ())
            build = Build("hello", Manifest(functions=()), bundle, NoSettings(), out, 1_000_000_000, print)
            return package(build)

        one, two = wrapped(1), wrapped(1_700_000_000)
        assert one.path.read_bytes() == two.path.read_bytes()
        assert one.sha256 == two.sha256
        assert (one.files, one.unpacked_size) == (2, 17)
    """)
    assert done.stderr == ""


def test_a_source_runs_quickly_packaged(site):
    done = site.polyfn("invoke", "hello.py::hello_model", "--target", "tarball", "--data", "{}", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["target"], answer["function"]) == ("tarball", "hello_model")
    assert answer["payload"] == {"message": "hello, world"}
    assert answer["failed"] is None


def test_a_failing_function_exits_with_1_and_its_text_stays_in_the_log(site):
    (site.root / "bad.py").write_text(
        "import polyfn\n\n@polyfn.function\ndef bad():\n    print('to the log')\n    raise KeyError('why')\n"
    )
    done = site.polyfn("invoke", "bad.py", "--target", "tarball")
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "to the log" in done.stderr
    assert "failed: bad: KeyError" in done.stderr


def test_a_timeout(site):
    (site.root / "slow.py").write_text(
        "import time\nimport polyfn\n\n@polyfn.function\ndef slow():\n    time.sleep(60)\n"
    )
    done = site.polyfn("invoke", "slow.py", "--target", "tarball", "--timeout", "1")
    assert done.returncode == 1, done.stderr
    assert "failed: slow: Timeout" in done.stderr


def test_an_environment_and_an_option_reach_the_function(site):
    (site.root / "stage.py").write_text(
        "import os\nimport polyfn\n\n@polyfn.function\ndef stage():\n    return os.environ['STAGE']\n"
    )
    done = site.polyfn("invoke", "stage.py", "--target", "tarball", "--env", "STAGE=test")
    assert json.loads(done.stdout) == "test"


def test_what_it_cannot_do_is_said_before(site):
    (site.root / "queued.py").write_text(
        "import polyfn\n\n@polyfn.function(polyfn.Queue('a'))\ndef queued(message: polyfn.Message): ...\n"
    )
    done = site.polyfn("check", "queued.py", "--target", "tarball")
    assert done.returncode == 1, done.stderr
    assert "error: tarball: queued is triggered by queue, which tarball does not deliver" in done.stdout


def test_run_says_that_it_serves_no_http(site):
    done = site.polyfn("run", "hello.py::hello", "--target", "tarball")
    assert done.returncode == 3
    assert "error[PF307]: the emulator of 'tarball' serves no HTTP" in done.stderr


def test_every_hook_is_documented_with_its_exact_signature():
    described = re.findall(r"^### `(\w+)(\(.*)`$", PAGE, re.MULTILINE)
    specified = [
        (name, str(inspect.signature(spec)).replace("'", ""))
        for name, spec in vars(hooks).items()
        if name.startswith("polyfn_")
    ]
    assert described == specified


def test_every_hook_has_a_test():
    tests = "".join(
        path.read_text() for path in [*(ROOT / "tests").rglob("test_*.py")] if path != Path(__file__)
    ) + PAGE  # fmt: skip
    for name in vars(hooks):
        if name.startswith("polyfn_"):
            assert re.search(rf"def {name}\(", tests), name


def test_the_page_needs_nothing_private():
    code = "".join(FILES.values())
    assert not re.search(r"\b(_[a-z]\w*)\.|import _|\._[a-z]", code)
    assert os.linesep == "\n"
