"""What PATH means, and what is said when it means nothing."""

from pathlib import Path

import pytest

from polyfn.toolchain.errors import ProjectError, UsageError
from polyfn.toolchain.project import Source, load, parse_source, schema

PYPROJECT = """
    [project]
    name = "Shop of mine"
    dependencies = ["pydantic>=2"]
    requires-python = ">=3.11"
    [tool.polyfn]
    module = "shop.handlers"
    [tool.polyfn.aws]
    memory = 256
"""


def test_src_layout_starts_modules_at_src(write):
    root = write({"pyproject.toml": PYPROJECT, "src/shop/handlers.py": "", "src/shop/__init__.py": ""})
    project = load(root)
    assert (project.base, project.modules) == (root / "src", ("shop.handlers",))
    assert project.name == "Shop-of-mine"
    assert project.dependencies == ("pydantic>=2",)
    assert project.providers == {"aws": {"memory": 256}}


def test_flat_layout_starts_modules_at_the_project(write):
    root = write({"pyproject.toml": PYPROJECT, "shop/handlers/__init__.py": ""})
    assert load(root).base == root
    assert load(root / "pyproject.toml") == load(root)


def test_a_package_without_init_is_importable_too(write):
    assert load(write({"pyproject.toml": PYPROJECT, "shop/handlers.py": ""})).base.name == "project"


def test_one_file_with_inline_dependencies(write):
    root = write(
        {
            "hello.py": """
                # /// script
                # requires-python = ">=3.12"
                # dependencies = [
                #   "six",
                # ]
                # [tool.polyfn]
                # name = "greeter"
                # [tool.polyfn.aws]
                # memory = 128
                # ///
                import polyfn
            """
        }
    )
    project = load(root / "hello.py")
    assert project.file == root / "hello.py"
    assert (project.name, project.modules, project.dependencies) == ("greeter", ("hello",), ("six",))
    assert project.requires_python == ">=3.12"
    assert project.providers == {"aws": {"memory": 128}}


def test_one_file_without_a_block(write):
    project = load(write({"hello.py": "import polyfn\n"}) / "hello.py")
    assert (project.name, project.dependencies) == ("hello", ())


@pytest.mark.parametrize(
    ("pyproject", "said", "hint"),
    [
        ("[project]\nname = 'x'\n", "no table [tool.polyfn]", "module ="),
        ("[tool.polyfn]\n", "names no module", 'module = "app"'),
        ("[tool.polyfn]\nmodul = 'app'\n", "no key 'modul'", "did you mean 'module'?"),
        ("[tool.polyfn]\nmodule = 'ap'\n", "no module 'ap'", "modules that mention polyfn: app"),
        ("[tool.polyfn]\nmodule = 'a-b'\n", "tool.polyfn.module = 'a-b'", None),
        ("[tool.polyfn]\nmodule = 'app'\npython = '2.7'\n", "tool.polyfn.python = '2.7'", None),
        ("[tool.polyfn]\nmodule = 7\n", "tool.polyfn.module = 7", None),
        ("[tool\n", "is not TOML", None),
        ("tool = 3\n", "[tool] is 3; expected a table", None),
        ("[tool.polyfn]\nmodule = 'app'\n[project]\ndependencies = 'six'\n", "expected a list", None),
    ],
)
def test_a_wrong_pyproject_says_what_to_do(write, pyproject, said, hint):
    root = write({"pyproject.toml": pyproject, "app.py": "import polyfn\n"})
    with pytest.raises(ProjectError) as caught:
        load(root)
    assert said in caught.value.message
    if hint is not None:
        assert hint in caught.value.hint


def test_a_requires_python_that_is_no_string(write):
    root = write(
        {"pyproject.toml": "[project]\nrequires-python = 3\n[tool.polyfn]\nmodule = 'a'\n", "a.py": ""}
    )
    with pytest.raises(ProjectError, match="requires-python is 3; expected a string"):
        load(root)


def test_invalid_toml_names_the_position(write):
    with pytest.raises(ProjectError, match=r"line 2, column "):
        load(write({"pyproject.toml": "[tool.polyfn]\nmodule =\n"}))


def test_modules_have_to_start_from_one_directory(write):
    pyproject = "[tool.polyfn]\nmodules = ['one', 'two']\n"
    root = write({"pyproject.toml": pyproject, "src/one.py": "", "two.py": ""})
    with pytest.raises(ProjectError) as caught:
        load(root)
    assert "must start from one directory" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("my-hello.py", "", "'my-hello' is no Python identifier"),
        ("queue.py", "", "a module of Python's standard library"),
        ("polyfn.py", "", "polyfn itself"),
        ("notes.txt", "", "no Python file"),
        ("hello.py", "# /// script\n# dependencies = [\n# ///\n", "line 2 is not TOML"),
        ("hello.py", "# /// script\n# a = 1\n# ///\n\n# /// script\n# a = 1\n# ///\n", "2 script blocks"),
        ("hello.py", "# /// script\n# dependencies = 'six'\n# ///\n", "expected a list of strings"),
        ("hello.py", "# /// script\n# [tool.polyfn]\n# pyton = '3.12'\n# ///\n", "no key 'pyton'"),
    ],
)
def test_a_wrong_script_says_what_to_do(write, name, text, said):
    root = write({name: text})
    with pytest.raises(ProjectError) as caught:
        load(root / name)
    assert said in caught.value.message


def test_no_pyproject_offers_the_file_that_is_there(write):
    with pytest.raises(ProjectError) as caught:
        load(write({"hello.py": "import polyfn\n"}))
    assert "has no pyproject.toml" in caught.value.message
    assert "name one file: hello.py" in caught.value.hint


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(ProjectError, match="does not exist"):
        load(tmp_path / "nowhere")


def test_the_schema_lists_the_keys_and_leaves_tables_to_targets():
    published = schema()
    assert set(published["properties"]) == {
        "module", "modules", "name", "include", "exclude", "python", "interpreter", "budget", "keep", "prune",
    }  # fmt: skip
    assert published["additionalProperties"]["type"] == "object"


def test_sources_name_a_path_and_perhaps_a_function():
    assert parse_source("a/hello.py") == Source(Path("a/hello.py"), None)
    assert parse_source("a/hello.py::hello").function == "hello"
    assert str(parse_source("a/hello.py::hello").path) == "a/hello.py"


@pytest.mark.parametrize("text", ["", "::hello", "hello.py::", "a.py::b::c"])
def test_other_spellings_are_usage_errors(text):
    with pytest.raises(UsageError, match="expected PATH or PATH::function"):
        parse_source(text)
