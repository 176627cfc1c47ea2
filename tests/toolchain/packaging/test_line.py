"""The whole line, for a target that wraps nothing: what is in the tree, and that the tree runs."""

import json
import subprocess
import sys
import textwrap

import pytest

from polyfn.errors import FunctionNotFoundError, ModuleLoadError
from polyfn.toolchain.artifacts.zip import write_zip
from polyfn.toolchain.errors import DependencyError, NoWheelError, PlatformError, ProjectError, UsageError
from polyfn.toolchain.manifest import ArtifactManifest
from polyfn.toolchain.packaging import EPOCH, PackageRequest, epoch, inspect, package, quick
from tests.toolchain.packaging.houses import MACHINE, PYTHON

HOST, OTHER = ("amd64", "arm64") if MACHINE == "x86_64" else ("arm64", "amd64")
HELLO = """
    import polyfn

    @polyfn.function
    def hello(event: dict) -> dict:
        return {"message": "hello, " + event.get("name", "world")}
    """


@pytest.fixture
def made(write, desk, tmp_path, log):
    """Package the files for the desk; return the artifact's tree."""

    def made(files, path=".", folder="project", out="out", **request):
        root = write(files, folder)
        request = {"archs": (HOST,), "interpreter": "platform", **request}
        (artifact,) = package(
            PackageRequest(root / path, "desk", out=tmp_path / out, **request), log=log, plugins=desk
        )
        return artifact.path

    return made


def ran(tree, start=None, **environment):
    command = [start or tree / "start"]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(finished.stdout)


def manifest(tree):
    return ArtifactManifest.model_validate_json((tree / "polyfn.json").read_text())


def test_a_bundle_with_its_own_interpreter_runs_wherever_it_lies(made, tmp_path):
    tree = made({"hello.py": HELLO}, "hello.py", interpreter="host")
    assert sorted(path.name for path in tree.iterdir()) == [
        "app", "modules.pack", "polyfn.json", "python", "runtime", "start", "start.py", "start.pyc",
    ]  # fmt: skip
    elsewhere = tree.rename(tmp_path / "else where")
    told = ran(elsewhere, PYTHONPATH="/nowhere", PYTHONHOME="/nowhere")
    assert told["said"] == {"message": "hello, world"}
    assert told["cwd"] == str(elsewhere / "app")
    assert told["path"][:2] == [f"{elsewhere}/runtime", f"{elsewhere}/app"]
    assert told["path"][-1] == f"{elsewhere}/site"
    assert all(path.startswith(f"{elsewhere}/") for path in told["path"])
    assert told["start"] == {
        "provider": "desk", "project": "hello", "functions": {"hello": "hello"}, "default": "hello",
        "settings": {"drawer": 1}, "root": str(elsewhere),
    }  # fmt: skip


def test_the_start_script_finds_its_root_from_a_relative_path(made):
    tree = made({"hello.py": HELLO}, "hello.py")
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "start.py"], cwd=tree, capture_output=True, text=True, check=True
    )
    assert json.loads(finished.stdout)["start"]["root"] == str(tree)


def test_the_runtime_ships_and_the_toolchain_stays_home(made):
    tree = made({"hello.py": HELLO}, "hello.py")
    carried = {path.relative_to(tree / "runtime").as_posix() for path in (tree / "runtime").rglob("*.py")}
    assert {"polyfn/__init__.py", "polyfn/runtime/start.py", "deskruntime/start.py"} <= carried
    assert not [name for name in carried if name.startswith(("polyfn/toolchain", "polyfn/testing"))]
    assert not list((tree / "runtime").rglob("py.typed"))


def test_the_manifest_describes_the_artifact(made):
    tree = made({"hello.py": HELLO}, "hello.py", python=PYTHON)
    told = manifest(tree)
    assert (told.target, told.arch, told.project, told.settings) == ("desk", HOST, "hello", {"drawer": 1})
    assert (told.interpreter.source, told.interpreter.version) == ("platform", PYTHON)
    assert [entry.name for entry in told.functions] == ["hello"]


def test_two_builds_are_alike_bit_for_bit(made, house, tmp_path, monkeypatch):
    pyproject = "[project]\nname = 'x'\ndependencies = ['pf_small']\n[tool.polyfn]\nmodule = 'app'\n"
    files = {
        "pyproject.toml": pyproject,
        "app.py": HELLO,
        "package/words.py": "WORDS = {'a', 'b', None, 1.5}\ndef f(x): return x in {'d', 'e', 'f', 'g'}\n",
    }
    sums = []
    for turn in ("one", "two"):
        monkeypatch.setenv("PYTHONHASHSEED", {"one": "1", "two": "77"}[turn])
        (tmp_path / turn).mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / turn))
        tree = made(files, folder=f"project {turn}", out=turn)
        assert list(tree.rglob("*.pyc"))
        sums.append(write_zip(tree, tmp_path / f"{turn}.zip", epoch=EPOCH).sha256)
    assert sums[0] == sums[1]


def test_bytecode_is_used_and_names_no_place_of_this_machine(made, tmp_path):
    tree = made({"hello.py": HELLO}, "hello.py")
    (compiled,) = (tree / "app" / "__pycache__").iterdir()
    data = compiled.read_bytes()
    # PEP 552: hash-based and unchecked.
    assert data[4:8] == b"\x01\0\0\0"
    assert b"app/hello.py" in data
    assert str(tmp_path).encode() not in data
    # Taken even if the source has another time, or is another one.
    (tree / "app" / "hello.py").write_text("raise SystemExit('the source was read')\n")
    told = subprocess.run([sys.executable, "-I", "-S", tree / "start.py"], capture_output=True, text=True)
    assert json.loads(told.stdout)["said"] == {"message": "hello, world"}


def test_templates_that_are_no_python_are_carried_as_they_are(made, log):
    tree = made(
        {"pyproject.toml": "[tool.polyfn]\nmodule='app'\n", "app.py": HELLO, "t/x.py": "{{ no }} = ("}
    )
    assert (tree / "app" / "t" / "x.py").read_text() == "{{ no }} = ("
    assert [line for line in log if "app/t/x.py is not Python" in line]


def test_a_python_that_is_not_here_costs_one_line(made, log, monkeypatch, tmp_path):
    from polyfn.toolchain.bundle import find

    (tmp_path / "none.json").write_text("{}")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", (tmp_path / "none.json").as_uri())
    monkeypatch.setattr(find, "_ask_uv", lambda _: None)
    version = "3.14" if PYTHON != "3.14" else "3.13"
    tree = made({"hello.py": HELLO}, "hello.py", python=version)
    assert not list(tree.rglob("*.pyc"))
    assert len([line for line in log if "no bytecode" in line]) == 1


def test_both_architectures_at_once(write, desk, tmp_path, log):
    root = write({"hello.py": HELLO})
    request = PackageRequest(
        root / "hello.py", "desk", ("amd64", "arm64"), interpreter="platform", out=tmp_path / "out"
    )
    made = package(request, log=log, plugins=desk)
    assert [artifact.arch for artifact in made] == ["amd64", "arm64"]
    assert sorted(desk.called) == [
        "after hello-desk-amd64", "after hello-desk-arm64", "before amd64", "before arm64",
    ]  # fmt: skip


def test_validated_payloads_bring_pydantic_for_the_target(made, log):
    text = """
        import polyfn
        from dataclasses import dataclass

        @dataclass
        class Order:
            id: int

        @polyfn.function
        def order(event: Order): ...
        """
    tree = made({"order.py": text}, "order.py", archs=(OTHER,))
    told = manifest(tree)
    assert "pydantic" in told.distributions
    assert told.functions[0].json_schema["required"] == ["id"]
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[OTHER]
    assert [path.name for path in (tree / "site").rglob("*.so") if machine in path.name]
    assert log == ["adding pydantic: payloads are validated with it, and order.py does not name it"]


def test_inline_dependencies_are_there(made, house):
    text = "# /// script\n# dependencies = ['pf_small']\n# ///\nimport pf_small" + HELLO.replace(
        "\n    ", "\n"
    )
    tree = made({"hello.py": text}, "hello.py")
    assert manifest(tree).distributions == {"pf_small": "1.0"}


def test_requirements_txt_is_the_last_resort(made, house):
    files = {
        "pyproject.toml": "[tool.polyfn]\nmodule = 'app'\n",
        "requirements.txt": "-r more.txt\n",
        "more.txt": "pf_small\n",
        "app.py": "import pf_small\n" + HELLO.replace("\n    ", "\n"),
    }
    assert manifest(made(files)).distributions == {"pf_small": "1.0"}


SHARED = """
    [project]
    name = "shared"
    version = "1.0"
    dependencies = ["pf_small"]
    [build-system]
    requires = []
    build-backend = "backend"
    backend-path = ["."]
    """
SHOP = """
    [project]
    name = "shop"
    version = "1.0"
    requires-python = ">=3.11"
    dependencies = ["shared"]
    [tool.uv.sources]
    shared = { workspace = true }
    [tool.polyfn]
    module = "shop.handlers"
    """


@pytest.fixture
def workspace(write, house):
    from tests.toolchain.packaging import houses

    handler = (
        "import shared, pf_small, polyfn\n@polyfn.function\ndef shop(event: dict): return shared.VALUE\n"
    )
    return write(
        {
            "pyproject.toml": "[tool.uv.workspace]\nmembers = ['libs/*', 'apps/*']\n",
            "libs/shared/pyproject.toml": SHARED,
            "libs/shared/backend.py": houses.BACKEND.format(name="shared", tag="py3-none-any"),
            "apps/shop/pyproject.toml": SHOP,
            "apps/shop/src/shop/handlers.py": handler,
            "apps/shop/src/shop/__init__.py": "",
        },
        "workspace",
    )


@pytest.mark.parametrize("locked", [False, True], ids=["unlocked", "locked"])
def test_a_workspace_member_brings_its_siblings(made, workspace, locked):
    from polyfn.toolchain import uv_command

    if locked:
        assert uv_command.run("lock", cwd=workspace).returncode == 0
    tree = made({}, path=workspace / "apps" / "shop")
    told = manifest(tree)
    assert told.functions[0].module == "shop.handlers"
    assert told.distributions == {"pf_small": "1.0", "shared": "1.0"}
    assert (tree / "app" / "shop" / "handlers.py").is_file()
    assert (tree / "site" / "shared.py").is_file(), "a copy, not a pointer to this machine"


@pytest.mark.parametrize("intact", [True, False], ids=["intact", "tampered"])
def test_a_lock_is_kept_to_with_its_hashes(made, write, index, intact):
    from polyfn.toolchain import uv_command

    pyproject = (
        "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.11'\ndependencies = ['pf_small']\n"
        "[tool.polyfn]\nmodule = 'app'\n"
    )
    root = write({"pyproject.toml": pyproject, "app.py": HELLO})
    assert uv_command.run("lock", cwd=root).returncode == 0
    if intact:
        assert manifest(made({}, path=root)).distributions == {"pf_small": "1.0"}
        return
    lock = root / "uv.lock"
    digest = lock.read_text().partition("sha256:")[2][:64]
    lock.write_text(lock.read_text().replace(digest, "0" * 64))
    with pytest.raises(DependencyError) as caught:
        made({}, path=root)
    assert "differs from what was locked" in caught.value.hint


def test_a_lock_that_is_older_than_the_project_is_refused(made, write, index):
    from polyfn.toolchain import uv_command

    pyproject = (
        "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.11'\ndependencies = {}\n"
        "[tool.polyfn]\nmodule = 'app'\n"
    )
    root = write({"pyproject.toml": pyproject.format(["pf-small >=1"]), "app.py": HELLO})
    assert uv_command.run("lock", cwd=root).returncode == 0
    # The same in other words.
    (root / "pyproject.toml").write_text(pyproject.format(["PF_Small>=1; python_version > '3'"]))
    assert manifest(made({}, path=root)).distributions == {"pf_small": "1.0"}
    for changed in (["pf_small>=1", "pf_other"], ["pf_small<1"]):
        (root / "pyproject.toml").write_text(pyproject.format(changed))
        with pytest.raises(DependencyError, match=r"uv.lock is older than pyproject.toml") as caught:
            made({}, path=root)
        assert changed[-1] in str(caught.value)
        assert caught.value.hint == "run uv lock"


def test_a_script_lock_that_is_older_than_its_script_is_refused(made, write, index):
    from polyfn.toolchain import uv_command

    block = "# /// script\n# requires-python = '>=3.11'\n# dependencies = ['pf_small']\n# ///\n"
    root = write({"app.py": block + textwrap.dedent(HELLO)})
    assert uv_command.run("lock", "--script", root / "app.py", cwd=root).returncode == 0
    assert manifest(made({}, path=root / "app.py")).distributions == {"pf_small": "1.0"}
    (root / "app.py").write_text(
        (root / "app.py").read_text().replace("'pf_small'", "'pf_small', 'pf_other'")
    )
    with pytest.raises(DependencyError, match=r"app.py.lock is older than app.py") as caught:
        made({}, path=root / "app.py")
    assert caught.value.hint == "run uv lock --script app.py"


def test_what_only_polyfn_asks_for_is_not_carried(made, write, index):
    """A locked polyfn brings its own requirements into the lock; they stay home with it."""
    from polyfn.toolchain import uv_command

    toolchain = (
        "[project]\nname = 'polyfn'\nversion = '1'\nrequires-python = '>=3.11'\ndependencies = ['pf_pure']\n"
    )
    pyproject = (
        "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.11'\n"
        "dependencies = ['pf_small', 'polyfn']\n[tool.uv.sources]\npolyfn = { path = 'p', editable = true }\n"
        "[tool.polyfn]\nmodule = 'app'\n"
    )
    backend = "[build-system]\nrequires = []\nbuild-backend = 'none'\n"
    root = write({"pyproject.toml": pyproject, "app.py": HELLO, "p/pyproject.toml": toolchain + backend})
    assert uv_command.run("lock", cwd=root).returncode == 0
    assert "pf-pure" in (root / "uv.lock").read_text()
    assert manifest(made({}, path=root)).distributions == {"pf_small": "1.0"}


def test_a_broken_lock_is_told(made, workspace):
    (workspace / "apps" / "shop" / "uv.lock").write_text("version = 1\nrequires-python = 'x'\n")
    with pytest.raises(DependencyError, match=r"uv\.lock cannot be read"):
        made({}, path=workspace / "apps" / "shop")


def test_a_lock_of_some_other_project_is_not_ours(write, made, house):
    root = write({"uv.lock": "version = 1\nrequires-python = '>=3.11'\n"}, "up")
    inner = write({"pyproject.toml": "[tool.polyfn]\nmodule = 'app'\n", "app.py": HELLO}, "up/down")
    assert inner.is_relative_to(root)
    assert manifest(made({}, path=inner)).distributions == {}


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"hello.py": "import polyfn\n1 / 0\n"}, ModuleLoadError),
        ({"hello.py": "def hello(event): ...\n"}, FunctionNotFoundError),
        ({"hello.py": "# /// script\n# dependencies = ['pf_broken']\n# ///\n"}, DependencyError),
        ({"hello.py": "# /// script\n# [tool.polyfn.desk]\n# drawr = 2\n# ///\n"}, ProjectError),
    ],
)
def test_a_users_mistake_is_an_error_with_a_code(made, house, files, error, tmp_path):
    with pytest.raises(error) as caught:
        made(files, "hello.py")
    assert caught.value.code != "PF100"
    assert not list((tmp_path / "out").glob("*"))


def test_an_architecture_without_wheels(made, house):
    text = (
        "# /// script\n# dependencies = [\"pf_only_amd64; platform_machine == 'aarch64'\"]\n# ///\n"
        "import polyfn\n@polyfn.function\ndef hello(): ...\n"
    )
    if HOST == "arm64":
        pytest.skip("the distribution is absent on arm64, so a function cannot even be read there")
    made({"hello.py": text}, "hello.py", archs=("amd64",))
    with pytest.raises(NoWheelError, match=r"pf-only-amd64 has no wheel for Python .* on arm64"):
        made({"hello.py": text}, "hello.py", archs=("arm64",))


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        ({"archs": ("riscv",)}, PlatformError, "no architecture 'riscv'; it has amd64, arm64"),
        ({"python": "3.9"}, PlatformError, "no Python 3.9; it has 3.11"),
    ],
)
def test_what_the_platform_lacks(made, request_, error, said):
    with pytest.raises(error, match=said):
        made({"hello.py": HELLO}, "hello.py", **request_)


def test_the_project_may_exclude_a_python(made):
    text = "# /// script\n# requires-python = '>=3.13'\n# ///\n" + HELLO.replace("\n    ", "\n")
    with pytest.raises(ProjectError, match=r"excludes 3\.12"):
        made({"hello.py": text}, "hello.py", python="3.12")


def test_an_interpreter_that_is_set_as_a_path_starts_at_the_project(write):
    from polyfn.toolchain import choices
    from polyfn.toolchain.project import load
    from tests.toolchain.packaging import targets

    def chosen(value, wanted=None):
        text = f"# /// script\n# [tool.polyfn]\n# interpreter = '{value}'\n# ///\n"
        project = load(write({"hello.py": text}) / "hello.py")
        return choices.interpreter(project, targets.desk(), wanted, None)

    assert chosen("builds/python.tar.gz").endswith("/project/builds/python.tar.gz")
    assert chosen("https://example.org/p.tar.gz") == "https://example.org/p.tar.gz"
    assert chosen("host") == "host"
    assert chosen("host", "managed") == "managed"
    assert chosen("builds/x", "mine.tar.gz") == "mine.tar.gz"


def test_settings_of_a_misspelled_target_are_told(made, log):
    text = "# /// script\n# [tool.polyfn.desc]\n# drawer = 2\n# ///\n" + HELLO.replace("\n    ", "\n")
    made({"hello.py": text}, "hello.py")
    assert [line for line in log if "did you mean 'desk'" in line]


def test_nothing_is_left_behind(made, tmp_path, monkeypatch):
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    made({"hello.py": HELLO}, "hello.py")
    assert list(place.iterdir()) == []
    assert not list((tmp_path / "project").rglob("__pycache__"))


def test_quick_makes_what_runs_on_this_machine(write, desk, tmp_path, house, log):
    text = "# /// script\n# dependencies = ['pf_small']\n# ///\nimport pf_small" + HELLO.replace(
        "\n    ", "\n"
    )
    root = write({"hello.py": text})
    artifact = quick(root / "hello.py", "desk", out=tmp_path / "out", log=log, plugins=desk)
    assert manifest(artifact.path).interpreter.source == "linked"
    assert not (artifact.path / "python").exists()
    assert ran(artifact.path)["said"] == {"message": "hello, world"}
    assert log == []


def test_quick_keeps_the_bytecode_of_what_was_collected(write, desk, tmp_path):
    root = write({"hello.py": HELLO})
    artifact = quick(root / "hello.py", "desk", out=tmp_path / "out", plugins=desk)
    (compiled,) = (artifact.path / "app" / "__pycache__").iterdir()
    source = artifact.path / "app" / "hello.py"
    # Valid whatever the source's time: an archive does not keep it.
    source.write_text(source.read_text().replace("hello, ", "changed, "))
    assert compiled.read_bytes()[4:8] == b"\1\0\0\0"
    assert ran(artifact.path)["said"] == {"message": "hello, world"}


def test_inspect_collects_alone(write, desk):
    root = write({"hello.py": HELLO})
    project, found = inspect(root / "hello.py", "desk", plugins=desk)
    assert (project.name, [entry.name for entry in found.functions]) == ("hello", ["hello"])


def test_the_epoch_is_the_users_or_1980(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert epoch() == 315532800
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert epoch() == 1700000000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError, match="expected seconds since 1970"):
        epoch()
