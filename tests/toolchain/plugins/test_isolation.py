"""One broken plugin that nobody selected costs one line, not the command."""

import sys

import pytest

from polyfn.toolchain.errors import PluginError
from polyfn.toolchain.plugins import Plugins

CHECKER = """
    from polyfn.toolchain.hooks import hookimpl

    @hookimpl
    def polyfn_checks(provider):
        return [("note", f"checked {provider}")]
"""


def test_loading_all_skips_the_broken_with_one_line(site, provider_source, monkeypatch):
    monkeypatch.setenv("POLYFN_PLUGINS", "fly,moon")
    site.install("polyfn-fly", {"iso_fly": provider_source("fly")}, providers={"fly": "iso_fly"})
    site.install("polyfn-moon", {"iso_moon": "1/0"}, version="3", providers={"moon": "iso_moon"})
    lines = []
    assert [provider.name for provider in Plugins(warn=lines.append).providers()] == ["fly"]
    [line] = lines
    assert "\n" not in line
    assert "polyfn-moon 3" in line
    assert "ZeroDivisionError" in line
    assert "polyfn providers --check" in line


def test_crosscutting_plugins_are_loaded_when_a_hook_is_called(site):
    site.install("checker", {"iso_checker": CHECKER}, plugins={"checker": "iso_checker"})
    plugins = Plugins()
    assert "iso_checker" not in sys.modules
    assert plugins.hook.polyfn_checks(manifest=None, provider="P") == [[("note", "checked P")]]


def test_a_broken_crosscutting_plugin_is_skipped(site):
    site.install("checker", {"iso_checker": CHECKER}, plugins={"checker": "iso_checker"})
    site.install("bad", {"iso_bad": "1/0"}, plugins={"bad": "iso_bad"})
    site.install("typo", {"iso_typo": CHECKER.replace("_checks", "_cheks")}, plugins={"typo": "iso_typo"})
    lines = []
    hook = Plugins(warn=lines.append).hook
    assert hook.polyfn_checks(manifest=None, provider="P") == [[("note", "checked P")]]
    assert [line.split(" is skipped")[0] for line in lines] == ["plugin 'bad'", "plugin 'typo'"]
    assert "polyfn_cheks" in lines[1]


def test_strict(site, monkeypatch):
    monkeypatch.setenv("POLYFN_STRICT_PLUGINS", "1")
    site.install("bad", {"iso_strict": "1/0"}, plugins={"bad": "iso_strict"})
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        _ = Plugins().hook


def test_the_allow_list_holds_for_crosscutting_plugins(site, monkeypatch):
    monkeypatch.setenv("POLYFN_PLUGINS", "checker")
    site.install("checker", {"iso_allowed": CHECKER}, plugins={"checker": "iso_allowed"})
    site.install("barred", {"iso_barred": "1/0"}, plugins={"barred": "iso_barred"})
    lines = []
    assert Plugins(warn=lines.append).hook.polyfn_checks(manifest=None, provider="P")
    assert lines == []


def test_a_providers_module_may_implement_the_other_hooks(site, provider_source):
    source = (
        provider_source("fly") + "\n@hookimpl\ndef polyfn_checks(manifest):\n    return [('note', 'mine')]\n"
    )
    site.install(
        "polyfn-fly", {"iso_both": source}, providers={"fly": "iso_both"}, plugins={"fly": "iso_both"}
    )
    plugins = Plugins()
    provider = plugins.provider("fly")
    assert plugins.hook.polyfn_checks(manifest=None, provider=provider) == [[("note", "mine")]]
