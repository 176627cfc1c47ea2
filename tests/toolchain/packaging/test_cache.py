"""What a second build takes from the cache, and what makes it build anew."""

import hashlib
import json
import subprocess
import sys

import pytest

from polyfn.toolchain.bundle import resolve
from polyfn.toolchain.errors import NoWheelError
from polyfn.toolchain.manifest import ArtifactManifest
from polyfn.toolchain.packaging import PackageRequest, package
from tests.toolchain.packaging import houses, targets

HELLO = """
    # /// script
    # dependencies = ["pf_small"]
    # ///
    import pf_small
    import polyfn

    @polyfn.function
    def hello(event: dict) -> dict:
        return {"message": "hello"}
    """
HOST = {"x86_64": "amd64", "aarch64": "arm64"}[houses.MACHINE]


@pytest.fixture
def build(write, desk, tmp_path, log, monkeypatch):
    """Package; return the artifact's tree and whether it was wrapped anew."""
    wrapped = []
    real = targets.package
    monkeypatch.setattr(targets, "package", lambda build: (wrapped.append(build.bundle.arch), real(build))[1])
    # The stand-in is a function of no package: its own counts.
    plugins = targets.OnlyDesk(hooks=False)
    write({"hello.py": HELLO})

    def build(path="project/hello.py", **request):
        wrapped.clear()
        request = {"archs": (HOST,), "interpreter": "platform", **request}
        (artifact,) = package(
            PackageRequest(tmp_path / path, "desk", out=tmp_path / "out", **request), log=log, plugins=plugins
        )
        return artifact.path, bool(wrapped)

    return build


def files(tree):
    return {
        path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()
    }


def test_a_second_build_of_the_same_is_a_copy(index, build):
    tree, made = build()
    first = files(tree)
    assert made
    assert (tree / "site" / "pf_small.py").is_file()
    again, made = build()
    assert not made
    assert files(again) == first
    refreshed, made = build(refresh=True)
    assert made
    assert files(refreshed) == first


@pytest.mark.parametrize(
    "change",
    ["code", "epoch", "settings", "python"],
)
def test_what_changes_an_artifact_makes_it_anew(index, build, write, monkeypatch, change):
    build()
    request = {}
    if change == "code":
        write({"hello.py": HELLO.replace('"hello"}', '"other"}')})
    elif change == "epoch":
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    elif change == "settings":
        write(
            {
                "hello.py": HELLO.replace(
                    "# ///\n    import", "# [tool.polyfn.desk]\n    # drawer = 7\n    # ///\n    import", 1
                )
            }
        )
    else:
        request = {"python": "3.12" if houses.PYTHON != "3.12" else "3.13"}
    tree, made = build(**request)
    assert made
    if change == "code":
        assert "other" in (tree / "app" / "hello.py").read_text()
    if change == "settings":
        assert json.loads((tree / "polyfn.json").read_text())["settings"] == {"drawer": 7}


def test_a_new_time_of_a_file_is_no_change(index, build, tmp_path):
    build()
    (tmp_path / "project" / "hello.py").touch()
    assert build()[1] is False


def test_a_new_release_in_an_index_of_this_machine_is_seen_at_once(index, build, tmp_path, wheelhouse):
    build()
    more = tmp_path / "more"
    more.mkdir()
    houses.wheel(more, "pf_small", "py3-none-any", version="1.1")
    page = tmp_path / "simple" / "pf-small" / "index.html"
    file = more / "pf_small-1.1-py3-none-any.whl"
    page.write_text(
        page.read_text()
        + f'<a href="{file.as_uri()}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a>'
    )
    tree, made = build()
    assert made
    told = ArtifactManifest.model_validate_json((tree / "polyfn.json").read_text())
    assert told.distributions == {"pf_small": "1.1"}


def test_an_answer_of_the_network_holds_for_a_while(tmp_path, monkeypatch, log):
    """The index is stood in for by uv's answer, so that it can be counted."""
    asked = []
    answer = "--index-url https://example.org/simple\npf==1.0 --hash=sha256:" + "0" * 64 + "\n"
    monkeypatch.setattr(resolve.dependencies, "asked", lambda *a, **k: (asked.append(a), (answer, []))[1])
    now = [1000.0]
    monkeypatch.setattr(resolve.time, "time", lambda: now[0])
    store = resolve.Store(tmp_path / "cache", log)
    question = resolve.Requirements("here", text="pf"), resolve.Target(houses.PYTHON, None)
    for later, times in ((0, 1), (300, 1), (299, 1), (2, 2)):
        now[0] += later
        resolved = resolve.Resolver(store).resolve(*question)
        assert (resolved.pins, resolved.exact, len(asked)) == ("pf==1.0", True, times)
    resolve.Resolver(resolve.Store(store.cache, log, refresh=True)).resolve(*question)
    assert len(asked) == 3
    monkeypatch.setenv("UV_INDEX_URL", "https://elsewhere.example.org")
    resolve.Resolver(store).resolve(*question)
    assert len(asked) == 4


def test_a_manifest_that_depends_on_the_environment_is_collected_anew(index, build, write, monkeypatch):
    declared = '@polyfn.function(polyfn.Queue(__import__("os").environ["QUEUE"]))\n'
    text = HELLO.replace("@polyfn.function\n", declared)
    write({"hello.py": text.replace("event: dict", "message: polyfn.Message")})
    for name in ("one", "two"):
        monkeypatch.setenv("QUEUE", name)
        tree, made = build()
        assert made
        assert json.loads((tree / "polyfn.json").read_text())["functions"][0]["trigger"]["name"] == name


def test_a_source_tree_beside_the_project_is_never_taken_from_the_cache(index, build, write):
    backend = houses.BACKEND.format(name="beside", tag="py3-none-any")
    pyproject = (
        "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.11'\ndependencies = ['beside']\n"
        "[tool.uv.sources]\nbeside = { path = 'beside' }\n[tool.polyfn]\nmodule = 'app'\n"
    )
    write(
        {
            "pyproject.toml": pyproject,
            "app.py": "import beside, polyfn\n@polyfn.function\ndef f(): ...\n",
            "beside/pyproject.toml": "[project]\nname = 'beside'\nversion = '1.0'\n[build-system]\n"
            "requires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
            "beside/backend.py": backend,
        },
        "x",
    )
    assert build("x")[1]
    tree, made = build("x")
    assert made
    assert (tree / "site" / "beside.py").is_file()


def test_hooks_see_every_build(index, desk, write, tmp_path):
    root = write({"hello.py": HELLO})
    for _ in range(2):
        package(
            PackageRequest(root / "hello.py", "desk", (HOST,), interpreter="platform", out=tmp_path / "out"),
            plugins=desk,
        )
    assert desk.called.count(f"before {HOST}") == 2


def test_nothing_half_done_is_in_the_output(house, write, desk, tmp_path):
    text = (
        "# /// script\n# dependencies = [\"pf_only_amd64; platform_machine == 'aarch64'\"]\n# ///\n"
        "import polyfn\n@polyfn.function\ndef hello(): ...\n"
    )
    if HOST == "arm64":
        pytest.skip("the distribution is absent on arm64, so a function cannot even be read there")
    root = write({"hello.py": text})
    request = PackageRequest(
        root / "hello.py", "desk", ("amd64", "arm64"), interpreter="platform", out=tmp_path / "out" / "deep"
    )
    with pytest.raises(NoWheelError):
        package(request, plugins=desk)
    assert not (tmp_path / "out").exists()


BUILD = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[4:5]
from polyfn.toolchain.packaging import PackageRequest, package
from tests.toolchain.packaging import targets
package(PackageRequest(Path(sys.argv[1]), "desk", (sys.argv[3],), interpreter="platform",
                       out=Path(sys.argv[2])), plugins=targets.OnlyDesk(hooks=False), log=print)
"""


def test_two_builds_at_once_share_a_cache(index, desk, write, tmp_path):
    root = write({"hello.py": HELLO})
    builds = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD, root / "hello.py", tmp_path / f"out{n}", HOST,
             tmp_path / "installed"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for n in range(3)
    ]  # fmt: skip
    for one in builds:
        said, _ = one.communicate(timeout=100)
        assert (one.returncode, said) == (0, "")
    trees = [files(tmp_path / f"out{n}" / f"hello-desk-{HOST}") for n in range(3)]
    assert trees[0] == trees[1] == trees[2]
