"""The public names: all there, all lazy, and none hidden by a module."""

import ast
from pathlib import Path

import pytest

import polyfn

PACKAGE = Path(polyfn.__file__).parent


def test_all_is_sorted_and_every_name_resolves() -> None:
    assert polyfn.__all__ == sorted(polyfn.__all__)
    for name in polyfn.__all__:
        assert getattr(polyfn, name) is not None
    assert dir(polyfn) == polyfn.__all__


def test_the_three_lists_of_names_agree() -> None:
    assert {*polyfn._HOMES, "__version__"} == set(polyfn.__all__)
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module.removeprefix("polyfn.")
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert typed == polyfn._HOMES


def test_a_name_lives_where_its_home_says() -> None:
    for name, home in polyfn._HOMES.items():
        assert getattr(polyfn, name).__module__ == f"polyfn.{home}"


def test_no_module_bears_the_name_of_a_public_callable() -> None:
    """Importing such a module would put it in the callable's place."""
    modules = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not modules & set(polyfn.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'handler'"):
        polyfn.handler  # type: ignore[attr-defined]  # noqa: B018
