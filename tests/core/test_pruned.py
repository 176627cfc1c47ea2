"""What an import says of a module that was left out of an artifact."""

import importlib.util
import sys

import pytest

from polyfn.runtime import pruned


@pytest.fixture
def left_out(tmp_path, monkeypatch):
    (tmp_path / "python").mkdir()
    (tmp_path / "python/pruned.json").write_text('{"leftout":"tkinter","_half":"tkinter"}')
    monkeypatch.setattr(pruned, "_names", None)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, pruned.Finder(str(tmp_path))])
    return tmp_path


@pytest.mark.parametrize("name", ["leftout", "_half"])
def test_says_how_to_keep_it(left_out, name):
    with pytest.raises(ModuleNotFoundError) as caught:
        __import__(name)
    assert caught.value.name == name
    assert f"No module named {name!r}: it was left out of this artifact" in str(caught.value)
    assert '[tool.polyfn] keep = ["tkinter"]' in str(caught.value)


def test_importlib_says_it_too(left_out):
    with pytest.raises(ModuleNotFoundError, match="keep ="):
        importlib.import_module("leftout")


def test_who_asks_whether_it_is_there_is_told_no(left_out):
    assert importlib.util.find_spec("leftout") is None


def test_other_modules_are_missing_as_ever(left_out):
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'never_heard_of'$"):
        __import__("never_heard_of")


def test_an_artifact_that_does_not_say_is_no_trouble(left_out):
    (left_out / "python/pruned.json").unlink()
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'leftout'$"):
        __import__("leftout")
