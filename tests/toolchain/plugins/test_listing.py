"""Listing reads metadata and imports nothing."""

import sys

import pytest

from polyfn.toolchain.installed import PLUGINS, PROVIDERS, installed

BOOM = "raise SystemError('this module must not be imported')"


def test_name_distribution_and_version(site):
    site.install("polyfn-fly", {"fly_boom": BOOM}, version="2.3", providers={"fly": "fly_boom"})
    [fly] = installed(PROVIDERS, name="fly")
    assert (fly.name, fly.distribution, fly.version, fly.origin) == (
        "fly",
        "polyfn-fly",
        "2.3",
        "polyfn-fly 2.3",
    )


def test_nothing_is_imported_in_this_process(site):
    site.install("polyfn-fly", {"fly_boom": BOOM}, providers={"fly": "fly_boom"}, plugins={"x": "fly_boom"})
    installed(PROVIDERS), installed(PLUGINS)  # whatever the first call makes the standard library import
    before = set(sys.modules)
    assert "fly" in {plugin.name for plugin in installed(PROVIDERS)}
    assert "x" in {plugin.name for plugin in installed(PLUGINS)}
    assert set(sys.modules) == before


def test_nothing_is_imported_in_a_fresh_interpreter(site):
    site.install("polyfn-fly", {"fly_boom": BOOM}, providers={"fly": "fly_boom"})
    done = site.python("""
        import sys
        from polyfn.toolchain.installed import PROVIDERS, installed
        assert "fly" in [plugin.name for plugin in installed(PROVIDERS)]
        loaded = {name.split(".")[0] for name in sys.modules}
        print(sorted(loaded & {"fly_boom", "pluggy", "pydantic", "polyfn_aws"}))
    """)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("allow", "names"),
    [("fly", {"fly"}), (" fly , moon ", {"fly", "moon"}), ("sun", set()), ("", set())],
)
def test_allow_list(site, monkeypatch, allow, names):
    site.install("polyfn-fly", {"fly_boom": BOOM}, providers={"fly": "fly_boom", "moon": "fly_boom"})
    monkeypatch.setenv("POLYFN_PLUGINS", allow)
    assert {plugin.name for plugin in installed(PROVIDERS)} == names
    assert {plugin.name for plugin in installed(PROVIDERS, everything=True)} >= {"fly", "moon"}
