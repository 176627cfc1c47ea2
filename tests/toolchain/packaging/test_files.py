"""Which files travel: the code, and nothing that is secret, huge or only for development."""

import pytest

from polyfn.toolchain.errors import ProjectError
from polyfn.toolchain.project import load
from polyfn.toolchain.project.files import select

HOME = [
    ".env", ".git/config", ".venv/pyvenv.cfg", "venv/pyvenv.cfg", "venv/lib/x.py", "app/__pycache__/x.pyc",
    "tests/test_app.py", "dist/old.zip", "uv.lock", "node_modules/x.js", "app.egg-info/PKG-INFO", ".secret",
    ".env.local", ".envrc", ".netrc", ".npmrc", ".pypirc", ".aws/credentials", ".ssh/id_ed25519",
    ".gitignore",
    ".hg/store/data", ".svn/entries", ".jj/repo/x", "app/.env", "app/.git/HEAD", "deep/own/pyvenv.cfg",
    "deep/own/lib/x.py",
]  # fmt: skip


def names(root, **options):
    return [name for _, name in select(load(root), **options)]


def project(write, settings="", files=()):
    pyproject = f"[tool.polyfn]\nmodule = 'app.main'\n{settings}\n"
    return write(
        {"pyproject.toml": pyproject, "app/main.py": "", "app/data.json": "{}", **dict.fromkeys(files, "")}
    )


def test_code_and_data_travel_and_the_rest_stays_home(write):
    assert names(project(write, files=HOME)) == ["app/data.json", "app/main.py"]


def test_a_script_travels_alone(write):
    root = write({"hello.py": "", "other.py": "", ".env": "SECRET=1"})
    assert names(root / "hello.py") == ["hello.py"]


def test_a_script_may_include_files(write):
    block = "# /// script\n# [tool.polyfn]\n# include = ['*.txt']\n# ///\n"
    root = write({"hello.py": block, "greeting.txt": "", "other.py": ""})
    assert names(root / "hello.py") == ["greeting.txt", "hello.py"]


def test_src_layout_carries_src_and_what_is_included(write):
    pyproject = "[tool.polyfn]\nmodule = 'app.main'\ninclude = ['templates/**', 'tests/golden.json']\n"
    root = write(
        {
            "pyproject.toml": pyproject,
            "src/app/main.py": "",
            "tool.py": "",
            "templates/deep/a.html": "",
            "tests/golden.json": "",
        }
    )
    assert names(root) == ["app/main.py", "templates/deep/a.html", "tests/golden.json"]


def test_exclude_has_the_last_word(write):
    root = project(write, "include = ['big/*']\nexclude = ['*.json', 'big/b.bin', 'app/old']",
                   files=["big/a.bin", "big/b.bin", "app/old/x.py"])  # fmt: skip
    assert names(root) == ["app/main.py", "big/a.bin"]


def test_a_wildcard_is_no_wish_for_secrets(write):
    root = project(write, "include = ['**/*']", files=[*HOME, "README.md"])
    carried = names(root)
    assert "README.md" in carried
    hidden = [name for name in carried if any(part.startswith(".") for part in name.split("/"))]
    assert not hidden
    assert not [name for name in carried if "venv" in name or name.startswith("deep/own")]


@pytest.mark.parametrize("pattern", ["**", "**/*", "*", "*/*"])
def test_a_wildcard_is_no_wish_for_build_outputs_and_tests(write, pattern):
    files = ["dist/old.zip", "build/lib/x.py", "tests/test_app.py", "app.egg-info/PKG-INFO", "data/x"]
    carried = names(project(write, f"include = ['{pattern}']", files=files))
    assert "data/x" in carried
    assert not {"dist", "build", "tests", "app.egg-info"} & {name.partition("/")[0] for name in carried}


@pytest.mark.parametrize("pattern", ["tests/*.json", "tests", "te*/**", "dist/*.js"])
def test_build_outputs_and_tests_that_are_named_travel(write, pattern):
    files = ["tests/golden.json", "dist/app.js"]
    named = "dist/app.js" if pattern.startswith("dist") else "tests/golden.json"
    assert named in names(project(write, f"include = ['{pattern}']", files=files))


def test_a_hidden_folder_that_is_named_travels(write):
    root = project(write, "include = ['.well-known/**']", files=[".well-known/security.txt", ".netrc"])
    assert names(root) == [".well-known/security.txt", "app/data.json", "app/main.py"]


def test_a_secret_that_is_named_travels(write):
    assert ".env.public" in names(project(write, "include = ['.env.public']", files=[".env.public", ".env"]))


@pytest.mark.parametrize("pattern", ["../secrets/*", "/etc/passwd"])
def test_include_does_not_lead_out(write, pattern):
    with pytest.raises(ProjectError, match="leads out of the project's directory"):
        names(project(write, f"include = ['{pattern}']"))


def test_the_output_directory_never_travels(write):
    root = project(write, files=["made/app-aws-amd64.zip"])
    assert "made/app-aws-amd64.zip" in names(root)
    assert "made/app-aws-amd64.zip" not in names(root, out=root / "made")


def test_a_package_named_tests_travels_if_it_is_the_module(write):
    root = write({"pyproject.toml": "[tool.polyfn]\nmodule = 'tests.main'\n", "tests/main.py": ""})
    assert names(root) == ["tests/main.py"]


def test_links_are_followed_but_not_in_circles(write):
    root = project(write, files=["shared/x.py"])
    (root / "app" / "linked").symlink_to(root / "shared")
    (root / "app" / "circle").symlink_to(root / "app")
    (root / "app" / "nowhere").symlink_to(root / "missing")
    assert names(root) == ["app/data.json", "app/linked/x.py", "app/main.py", "shared/x.py"]
