"""Free-threaded Pythons: how versions are read, which are allowed, and which wheels are theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain import choices, pythons
from polyfn.toolchain.bundle import builders, compiler, explain, find
from polyfn.toolchain.bundle.dependencies import Target, install
from polyfn.toolchain.bundle.requirements import Requirements
from polyfn.toolchain.bundle.resolve import Resolver, environment
from polyfn.toolchain.bundle.store import Store
from polyfn.toolchain.errors import InterpreterError, NoWheelError, PlatformError, ProjectError
from polyfn.toolchain.project import load
from polyfn.toolchain.provider import Platform
from polyfn.toolchain.report import requires
from tests import freethreaded, parts
from tests.toolchain.packaging import houses, targets

# Making the parts includes compiling CPython.
pytestmark = pytest.mark.timeout(900)

AMD64, ARM64 = Platform("amd64", (2, 34)), Platform("arm64", (2, 34))


@given(st.integers(0, 99), st.none() | st.integers(0, 99), st.booleans())
def test_a_version_and_its_parts(number, patch, threaded):
    plain = f"3.{number}" if patch is None else f"3.{number}.{patch}"
    python = plain + "t" * threaded
    assert pythons.minor(python) == f"3.{number}" + "t" * threaded
    assert (pythons.plain(python), pythons.threaded(python)) == (plain, threaded)
    assert pythons.numbers(python) == (3, number) if patch is None else (3, number, patch)


def test_markers_know_no_kind():
    target = Target("3.13t", AMD64)
    assert environment(target)["python_version"] == environment(Target("3.13", AMD64))["python_version"]
    assert environment(target)["python_full_version"] == "3.13.0"
    told = requires.environment("amd64", "3.13.5t")
    assert (told["python_version"], told["python_full_version"]) == ("3.13", "3.13.5")


@pytest.fixture
def chosen(write):
    """What `choices.python` says to a wanted version and an interpreter source."""

    def chosen(wanted, interpreter=None, requires=">=3.11", setting=""):
        text = (
            f"[project]\nname = 'a'\nrequires-python = '{requires}'\n[tool.polyfn]\nmodule = 'a'\n{setting}"
        )
        project = load(write({"pyproject.toml": text, "a.py": ""}))
        return choices.python(project, targets.desk(), wanted, interpreter)

    return chosen


def test_every_version_from_the_first_on_has_one(chosen):
    assert [chosen(python) for python in ("3.13t", "3.14t")] == ["3.13t", "3.14t"]
    assert chosen(None, setting="python = '3.14t'") == "3.14t"
    with pytest.raises(PlatformError, match=r"no free-threaded Python 3\.12; the first is 3\.13t"):
        chosen("3.12t")
    with pytest.raises(PlatformError, match=r"has no Python 3\.99t; it has 3\.11"):
        chosen("3.99t")


def test_a_platform_has_none_of_its_own(chosen):
    with pytest.raises(PlatformError, match="no free-threaded Python of its own") as caught:
        chosen("3.13t", "platform")
    assert "brings its own" in caught.value.hint


def test_requires_python_counts_as_for_any_other(chosen):
    assert chosen("3.13t", requires=">=3.13,<3.14") == "3.13t"
    with pytest.raises(ProjectError, match=r"excludes 3\.13t"):
        chosen("3.13t", requires=">=3.14")


def test_the_running_kind_is_the_default(chosen, monkeypatch):
    monkeypatch.setattr(pythons, "running", lambda: "3.14.1t")
    assert chosen(None) == "3.14t"
    assert chosen(None, "platform") == "3.14"
    assert chosen(None, requires="<3.14") == "3.13"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("x-1-cp313-cp313t-manylinux_2_17_x86_64.whl", "for another architecture"),
        ("x-1-cp313-cp313-manylinux_2_17_aarch64.whl", "for Python with the GIL"),
        (
            "x-1-cp310-abi3-manylinux_2_17_aarch64.whl",
            "for the stable ABI, which free-threaded Python does not have",
        ),
        ("x-1-cp314-cp314t-manylinux_2_17_aarch64.whl", "for another version of Python"),
        ("x-1-py3-none-any.whl", "fits less well"),
    ],
)
def test_the_reason_against_a_wheel(file, reason):
    assert explain.against(file, "3.13t", ARM64, "x-1-cp313-cp313t-manylinux_2_17_aarch64.whl") == reason


@pytest.fixture
def wheels(house, tmp_path, monkeypatch):
    """A wheelhouse with wheels of every kind."""
    place = tmp_path / "wheels"
    place.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(place))
    for machine in ("x86_64", "aarch64"):
        for tag in ("cp313-cp313t", "cp313-cp313", "cp314-cp314t", "cp314-cp314", "cp312-abi3"):
            name = f"_x.{tag.partition('-')[2]}.so"
            files = {f"pf_kinds/{name}": ""}
            houses.wheel(place, "pf_kinds", f"{tag}-manylinux_2_17_{machine}", files=files)
        houses.wheel(place, "pf_stable", f"cp312-abi3-manylinux_2_17_{machine}")
    return place


@pytest.fixture
def on_path(monkeypatch):
    """A free-threaded Python is installed: it is on the PATH."""
    monkeypatch.setenv("PATH", f"{freethreaded.installed()}:/usr/bin:/bin")


@pytest.fixture
def none_installed(tmp_path, monkeypatch):
    """No Python is installed but the running one, and none can be fetched."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PYENV_ROOT", "/nowhere")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "pythons"))
    monkeypatch.setenv("POLYFN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "none.json").write_text("{}")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", (tmp_path / "none.json").as_uri())


@pytest.mark.parametrize("platform", [AMD64, ARM64])
@pytest.mark.parametrize("python", ["3.13t", "3.14t", "3.13", "3.14"])
def test_the_wheels_of_a_kind(wheels, on_path, tmp_path, platform, python):
    """One free-threaded Python chooses for any version, and a standard one never takes its wheels."""
    install(Requirements("here", text="pf_kinds"), tmp_path / "site", Target(python, platform))
    names = [path.name for path in (tmp_path / "site" / "pf_kinds").iterdir()]
    assert names == [f"_x.cp{python.replace('.', '')}.so"]


def test_the_stable_abi_is_for_the_standard_build(wheels, on_path, tmp_path):
    stable = Requirements("here", text="pf_stable")
    assert install(stable, tmp_path / "standard", Target("3.13", ARM64)) == {"pf_stable": "1.0"}
    with pytest.raises(NoWheelError, match=r"pf.stable has no wheel for Python 3\.13t on arm64"):
        install(stable, tmp_path / "threaded", Target("3.13t", ARM64))


def test_why_a_wheel_was_chosen(wheels, on_path, tmp_path):
    requirements, target = Requirements("here", text="pf_kinds"), Target("3.14t", ARM64)
    resolved = Resolver(Store(tmp_path / "cache")).resolve(requirements, target)
    (choice,) = explain.explain(requirements, [resolved], target)
    assert choice.file == "pf_kinds-1.0-cp314-cp314t-manylinux_2_17_aarch64.whl"
    assert choice.reason == "the best fit: cp314t, manylinux_2_17_aarch64"
    against = dict(choice.rejected)
    assert against["pf_kinds-1.0-cp314-cp314-manylinux_2_17_aarch64.whl"] == "for Python with the GIL"


def test_where_no_free_threaded_python_can_be_had(wheels, none_installed):
    target = Target("3.14t", AMD64)
    with pytest.raises(InterpreterError, match="can be chosen by a free-threaded Python alone") as caught:
        target.arguments()
    assert "uv python install 3.14t" in caught.value.hint


def test_without_dependencies_none_is_needed(none_installed, tmp_path):
    key, pins = Resolver(Store(tmp_path)).wanted(Requirements("none"), Target("3.14t", AMD64))
    assert key is not None and pins == ""


def test_the_bundles_own_interpreter_chooses_as_well(wheels, none_installed, tmp_path):
    own = builders.own(str(freethreaded.archive(parts.HOST)), arch=parts.HOST, python="3.13t", cache=tmp_path)
    assert Target("3.13t", AMD64, own).arguments()[:2] == ["--python", own]


def test_one_is_fetched_for_this_machine(wheels, none_installed, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", freethreaded.downloads(tmp_path, parts.HOST))
    _, program, *more = Target("3.13t", ARM64).arguments()
    assert program.startswith(str(tmp_path / "cache" / "interpreters"))
    assert program.endswith("/bin/python3.13t")
    assert more[:2] == ["--python-version", "3.13"]
    cache = tmp_path / "cache"
    chosen = compiler.choose(
        "3.13t", arch="arm64", source="archive", program=None, cache=cache, log=pytest.fail
    )
    assert (chosen.program, chosen.version) == (program, f"{freethreaded.version()}t")


def test_a_free_threaded_python_is_not_taken_for_a_standard_one(none_installed, on_path):
    """Its installer also names it python3.13; from 3.14 on uv takes it unless told otherwise."""
    assert find.installed("3.13t") == str(freethreaded.installed() / "python3.13t")
    assert find.installed("3.13") is None
