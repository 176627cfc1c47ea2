"""Plugins through the real command line."""

import json

BOOM = "raise SystemExit('imported')"

COMMANDS = """
    import click
    from polyfn.toolchain.hooks import hookimpl

    @click.command("greet", short_help="Greet somebody.")
    @click.argument("name")
    def greet(name):
        if name == "nobody":
            raise LookupError("there is nobody")
        click.echo(f"hello, {name}")

    @click.command("package")
    def package():
        click.echo("taken over")

    @hookimpl
    def polyfn_commands():
        return [greet, package]
"""


def test_a_listing_survives_any_plugin(site):
    site.install(
        "polyfn-fly",
        {"cli_boom": BOOM},
        version="2.1",
        providers={"fly": "cli_boom"},
        plugins={"x": "cli_boom"},
    )
    done = site.polyfn("providers", POLYFN_PLUGINS="fly,x")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["name", "kind", "distribution", "version"],
        ["fly", "provider", "polyfn-fly", "2.1"],
        ["x", "plugin", "polyfn-fly", "2.1"],
    ]


def test_the_listing_as_json(site):
    site.install("polyfn-fly", {"cli_boom": BOOM}, version="2.1", providers={"fly": "cli_boom"})
    done = site.polyfn("providers", "--json", POLYFN_PLUGINS="fly")
    fly = {"name": "fly", "distribution": "polyfn-fly", "version": "2.1", "module": "cli_boom"}
    assert json.loads(done.stdout) == {"schema": 1, "providers": [fly], "plugins": []}


def test_no_platform(site):
    done = site.polyfn("providers", POLYFN_PLUGINS="")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("no platform is installed")


def test_check_tells_the_broken_ones(site, provider_source):
    site.install("polyfn-fly", {"cli_fly": provider_source("fly")}, providers={"fly": "cli_fly"})
    site.install(
        "polyfn-moon", {"cli_moon": "1/0"}, providers={"moon": "cli_moon"}, plugins={"y": "cli_moon"}
    )
    done = site.polyfn("providers", "--check", POLYFN_PLUGINS="fly,moon,y")
    assert done.returncode == 1
    assert "a platform of the tests" in done.stdout
    assert done.stdout.count("broken (PF302)") == 2
    assert done.stderr.count("ZeroDivisionError") == 2
    assert done.stderr.count("\n") == 2


def test_check_as_json(site, provider_source):
    site.install("polyfn-fly", {"cli_fly": provider_source("fly")}, providers={"fly": "cli_fly"})
    site.install(
        "fly-two", {"cli_two": provider_source("moon")}, providers={"fly": "cli_two", "moon": "cli_two"}
    )
    done = site.polyfn("providers", "--check", "--json", POLYFN_PLUGINS="fly,moon")
    one, two, moon = json.loads(done.stdout)["providers"]
    assert done.returncode == 1
    assert one["ok"] is two["ok"] is False
    assert one["error"]["code"] == "PF303"
    assert moon["ok"] is True
    assert moon["platforms"] == [{"arch": "amd64", "glibc": "2.26"}]
    assert moon["capabilities"] == ["call"]
    assert moon["emulator"] is False


def test_a_selected_broken_plugin(site):
    site.install("polyfn-fly", {"cli_fly": "import surely_not_there"}, providers={"fly": "cli_fly"})
    done = site.polyfn("package", "--target", "fly")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "error[PF302]: plugin 'fly' of polyfn-fly 1.0 cannot be loaded: ModuleNotFoundError" in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_adds_commands_and_takes_none_over(site):
    site.install("greeter", {"cli_greeter": COMMANDS}, plugins={"greeter": "cli_greeter"})
    assert "Commands of plugins:\n  greet  Greet somebody.\n" in site.polyfn("--help").stdout
    assert site.polyfn("greet", "Ada").stdout == "hello, Ada\n"
    assert "taken over" not in site.polyfn("package", "--help").stdout
    assert "did you mean 'greet'?" in site.polyfn("gret").stderr


def test_a_failing_command_of_a_plugin_is_the_plugins(site):
    site.install("greeter", {"cli_greeter": COMMANDS}, plugins={"greeter": "cli_greeter"})
    done = site.polyfn("greet", "nobody")
    assert done.returncode == 3
    assert (
        "error[PF302]: plugin 'greeter' of greeter 1.0 failed: LookupError: there is nobody (at "
        in done.stderr
    )
    assert "in greet)" in done.stderr


def test_broken_plugins_cost_the_help_one_line_each(site):
    site.install("bad", {"cli_bad": "1/0"}, plugins={"bad": "cli_bad"})
    raising = COMMANDS.replace("return [greet, package]", "raise LookupError('nothing')")
    site.install("worse", {"cli_worse": raising}, plugins={"worse": "cli_worse"})
    done = site.polyfn("--help", POLYFN_PLUGINS="bad,worse")
    assert done.returncode == 0
    assert "package" in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("warning: ") for line in lines)


def test_polyfns_own_commands_do_not_load_plugins(site):
    site.install("bad", {"cli_bad": BOOM}, plugins={"bad": "cli_bad"})
    assert site.polyfn("explain", "PF301").stderr == ""


def test_no_platform_because_of_the_allow_list(site):
    done = site.polyfn("providers", POLYFN_PLUGINS="nothing")
    assert done.stderr == "no platform is installed that POLYFN_PLUGINS allows\n"


def test_completion(site):
    done = site.polyfn(_POLYFN_COMPLETE="bash_complete", COMP_WORDS="polyfn pro", COMP_CWORD="1")
    assert done.stdout == "plain,providers\n"
