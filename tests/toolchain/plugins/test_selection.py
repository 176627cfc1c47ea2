"""Selecting a target loads one entry point, and says what is wrong with it."""

import sys

import pytest

from polyfn.toolchain.errors import ApiLevelError, PluginClashError, PluginError, UnknownTargetError
from polyfn.toolchain.plugins import Plugins
from polyfn.toolchain.provider import API_LEVEL, Provider


def failure(expected, target="fly"):
    with pytest.raises(expected) as caught:
        Plugins().provider(target)
    assert type(caught.value) is expected
    assert caught.value.hint
    return caught.value


def test_one_entry_point_is_loaded_and_no_other(site, provider_source, monkeypatch):
    monkeypatch.delitem(sys.modules, "polyfn_aws.provider", raising=False)
    site.install("polyfn-fly", {"sel_fly": provider_source("fly")}, providers={"fly": "sel_fly"})
    site.install("polyfn-moon", {"sel_moon": "raise SystemError"}, providers={"moon": "sel_moon"})
    provider = Plugins().provider("fly")
    assert isinstance(provider, Provider)
    assert provider.name == "fly"
    assert "sel_fly" in sys.modules
    assert "sel_moon" not in sys.modules
    assert "polyfn_aws.provider" not in sys.modules


def test_a_provider_is_asked_for_once(site, provider_source):
    counted = "calls = []\n" + provider_source("fly").replace(
        "return Provider", "calls.append(1)\n    return Provider"
    )
    site.install("polyfn-fly", {"sel_counted": counted}, providers={"fly": "sel_counted"})
    plugins = Plugins()
    assert plugins.provider("fly") is plugins.provider("fly")
    assert sys.modules["sel_counted"].calls == [1]


def test_selected_but_broken_at_import(site):
    source = "def fall():\n    {}['key']\n\nfall()\n"
    site.install("polyfn-fly", {"sel_broken": source}, version="0.9", providers={"fly": "sel_broken"})
    error = failure(PluginError)
    assert "'fly' of polyfn-fly 0.9 cannot be loaded: KeyError: 'key'" in str(error)
    assert f"{site.root}/sel_broken.py:2 in fall" in str(error)
    assert isinstance(error.__cause__, KeyError)
    assert error.code == "PF302"
    assert error.exit_status == 3


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import surely_not_there", "ModuleNotFoundError: No module named 'surely_not_there'"),
        ("import json\njson.loads('{')", "sel_words.py:2 in <module>"),
        ("def (:", "sel_words.py:1"),
        ("raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_the_cause_is_told_at_the_plugins_own_line(site, source, words):
    site.install("polyfn-fly", {"sel_words": source}, providers={"fly": "sel_words"})
    assert words in str(failure(PluginError))


def test_a_missing_module(site):
    site.install("polyfn-fly", {}, providers={"fly": "sel_missing.provider"})
    assert "ModuleNotFoundError: No module named 'sel_missing'" in str(failure(PluginError))


def test_a_missing_attribute(site):
    site.install("polyfn-fly", {"sel_attr": ""}, providers={"fly": "sel_attr:plugin"})
    assert "has no attribute 'plugin'" in str(failure(PluginError))


def test_an_object_may_be_the_plugin(site, provider_source):
    body = provider_source("fly") + "\nclass Plugin:\n    polyfn_provider = staticmethod(polyfn_provider)\n"
    site.install(
        "polyfn-fly", {"sel_object": body + "plugin = Plugin()\n"}, providers={"fly": "sel_object:plugin"}
    )
    assert Plugins().provider("fly").name == "fly"


@pytest.mark.parametrize("misspelled", ["polyfn_providr", "polyfn_get_provider"])
def test_a_misspelled_hook(site, provider_source, misspelled):
    source = provider_source("fly").replace("def polyfn_provider", f"def {misspelled}")
    site.install("polyfn-fly", {"sel_misspelled": source}, providers={"fly": "sel_misspelled"})
    error = failure(PluginError)
    assert f"'fly' of polyfn-fly 1.0 implements the unknown hook {misspelled!r}" in str(error)
    assert "did you mean 'polyfn_provider'?" in error.hint


def test_wrong_arguments(site, provider_source):
    source = provider_source("fly") + "\n@hookimpl\ndef polyfn_before_package(build, colour):\n    pass\n"
    site.install("polyfn-fly", {"sel_arguments": source}, providers={"fly": "sel_arguments"})
    error = failure(PluginError)
    assert "'fly' of polyfn-fly 1.0" in str(error)
    assert "polyfn_before_package" in str(error)
    assert "colour" in str(error)


def test_fewer_arguments_are_fine(site, provider_source):
    source = provider_source("fly") + "\n@hookimpl\ndef polyfn_after_package(artifact):\n    pass\n"
    site.install("polyfn-fly", {"sel_fewer": source}, providers={"fly": "sel_fewer"})
    assert Plugins().provider("fly").name == "fly"


def test_a_hook_without_its_marker(site, provider_source):
    source = provider_source("fly").replace("@hookimpl", "")
    site.install("polyfn-fly", {"sel_unmarked": source}, providers={"fly": "sel_unmarked"})
    assert "not marked with @polyfn.toolchain.hooks.hookimpl" in str(failure(PluginError))


def test_no_provider_hook_at_all(site):
    site.install("polyfn-fly", {"sel_nothing": ""}, providers={"fly": "sel_nothing"})
    assert "does not implement polyfn_provider" in str(failure(PluginError))


@pytest.mark.parametrize(("answer", "kind"), [("None", "None"), ("'fly'", "an object of type str")])
def test_the_hook_returns_something_else(site, answer, kind):
    source = (
        "from polyfn.toolchain.hooks import hookimpl\n@hookimpl\ndef polyfn_provider():\n    return " + answer
    )
    site.install("polyfn-fly", {"sel_answer": source}, providers={"fly": "sel_answer"})
    assert f"polyfn_provider() returned {kind}; expected a Provider" in str(failure(PluginError))


def test_the_hook_raises(site, provider_source):
    source = provider_source("fly").replace('runtime="nowhere"', 'runtime="nowhere", colour="red"')
    site.install("polyfn-fly", {"sel_raises": source}, providers={"fly": "sel_raises"})
    error = failure(PluginError)
    assert "failed in polyfn_provider(): TypeError:" in str(error)
    assert "colour" in str(error)
    assert "sel_raises.py:" in str(error)
    assert "in polyfn_provider)" in str(error)


def test_the_name_must_be_the_entry_points(site, provider_source):
    site.install("polyfn-fly", {"sel_name": provider_source("bird")}, providers={"fly": "sel_name"})
    assert "calls its provider 'bird'; expected the entry point's name 'fly'" in str(failure(PluginError))


def test_a_clash_names_both_distributions(site, provider_source):
    site.install(
        "polyfn-fly", {"sel_one": provider_source("fly")}, version="1.1", providers={"fly": "sel_one"}
    )
    site.install(
        "fly-for-all", {"sel_two": provider_source("fly")}, version="7.0", providers={"fly": "sel_two"}
    )
    error = failure(PluginClashError)
    assert "fly-for-all 7.0 and polyfn-fly 1.1" in str(error)
    assert "sel_one" not in sys.modules
    assert "sel_two" not in sys.modules


@pytest.mark.parametrize(
    ("api", "upgrade"),
    [
        (str(API_LEVEL + 1), "upgrade polyfn: pip install --upgrade polyfn"),
        (str(API_LEVEL - 2), "upgrade the plugin: pip install --upgrade polyfn-fly"),
    ],
)
def test_an_api_level_says_which_side_to_upgrade(site, provider_source, api, upgrade):
    site.install("polyfn-fly", {"sel_api": provider_source("fly", api=api)}, providers={"fly": "sel_api"})
    error = failure(ApiLevelError)
    assert f"level {api}" in str(error)
    assert error.hint == upgrade


def test_the_level_before_is_spoken(site, provider_source, monkeypatch):
    monkeypatch.setattr("polyfn.toolchain.provider.API_LEVEL", 5)
    site.install(
        "polyfn-fly",
        {"sel_four": provider_source("four", api="4"), "sel_three": provider_source("three", api="3")},
        providers={"four": "sel_four", "three": "sel_three"},
    )
    assert Plugins().provider("four").api == 4
    assert "this polyfn speaks 4 and 5" in str(failure(ApiLevelError, "three"))


def test_an_api_level_that_is_none(site, provider_source):
    site.install(
        "polyfn-fly", {"sel_noapi": provider_source("fly", api="'1'")}, providers={"fly": "sel_noapi"}
    )
    assert "Provider.api is '1'" in str(failure(PluginError))


def test_unknown_with_a_guess(site, provider_source):
    site.install("polyfn-fly", {"sel_guess": provider_source("fly")}, providers={"fly": "sel_guess"})
    error = failure(UnknownTargetError, "flyy")
    assert "unknown target 'flyy' (installed: " in str(error)
    assert "fly" in str(error)
    # Not also a `pip install` of the misspelled name: whoever owns that name is not to be trusted.
    assert error.hint == "did you mean 'fly'?"


def test_unknown_without_a_guess(site):
    assert failure(UnknownTargetError, "xyzzy").hint.endswith("pip install polyfn-xyzzy")


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("zebar", "did you mean 'zebra'? install its plugin: pip install 'polyfn[zebra]'"),
        ("zebra", "install its plugin: pip install 'polyfn[zebra]'"),
    ],
)
def test_unknown_but_an_extra_of_polyfn(site, target, hint):
    requires = ("click>=8.1", "polyfn-zebra==0.1; extra == 'zebra'")
    site.install("polyfn", {}, version="0.1.0", requires=requires)
    assert failure(UnknownTargetError, target).hint == hint


def test_not_allowed(site, provider_source, monkeypatch):
    site.install("polyfn-fly", {"sel_barred": provider_source("fly")}, providers={"fly": "sel_barred"})
    monkeypatch.setenv("POLYFN_PLUGINS", "moon,aws")
    error = failure(UnknownTargetError)
    assert "is installed (polyfn-fly 1.0) but not allowed: POLYFN_PLUGINS=moon,aws" in str(error)
    assert "add fly to POLYFN_PLUGINS" in error.hint
    assert "sel_barred" not in sys.modules
