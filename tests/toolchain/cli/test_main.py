"""The group: lazy, helpful, and nothing but text for whatever goes wrong."""

import json
import os
import subprocess
import sys

import click
import pytest

from polyfn.toolchain.cli.lazy import COMMANDS
from polyfn.toolchain.cli.main import polyfn

HEAVY = "{'rich', 'pydantic', 'pluggy', 'asyncio', 'httpx', 'elftools'}"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["providers"], ["providers", "--json"]])
def test_what_is_often_run_imports_little(site, arguments):
    done = site.python(f"""
        import sys
        from polyfn.toolchain.cli.main import run
        status = run({arguments!r})
        loaded = {HEAVY} & set(sys.modules)
        assert not loaded, loaded
        others = set({list(COMMANDS)}) - set({arguments!r})
        assert not [name for name in others if f"polyfn.toolchain.cli.{{name}}" in sys.modules]
        sys.exit(status)
    """)
    assert done.stderr.replace("no platform is installed\n", "") == ""
    assert done.returncode == 0


def test_the_help_of_the_group_is_that_of_its_commands():
    context = click.Context(polyfn)
    for name, text in COMMANDS.items():
        command = polyfn.get_command(context, name)
        assert (command.name, command.get_short_help_str(limit=200)) == (name, text)


def options():
    context = click.Context(polyfn)
    commands = [polyfn, *(polyfn.get_command(context, name) for name in COMMANDS)]
    return [
        pytest.param(option, id=f"{command.name} {option.opts[0]}")
        for command in commands
        for option in command.params
        if isinstance(option, click.Option) and option.name not in ("version", "help")
    ]


@pytest.mark.parametrize("option", options())
def test_every_option_has_an_environment_variable_in_its_help(option):
    assert option.envvar == "POLYFN_" + option.opts[0].removeprefix("--").replace("-", "_").upper()
    assert option.show_envvar
    assert option.help
    assert option.help.endswith(".")


def test_one_name_means_one_thing():
    kinds = {}
    for param in options():
        option = param.values[0]
        kinds.setdefault(option.opts[0], set()).add(option.metavar)
    assert {name: metavars for name, metavars in kinds.items() if len(metavars) > 1} == {}


def test_help_and_version(site):
    assert "--target NAME" in site.polyfn("package", "--help").stdout
    assert "POLYFN_TARGET" in site.polyfn("package", "-h").stdout
    assert site.polyfn("--version").stdout == "polyfn 0.1.0\n"


def test_no_command_shows_the_help_as_a_message(site):
    done = site.polyfn()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: polyfn [OPTIONS] COMMAND [ARGS]...")
    assert "error[" not in done.stderr


def test_an_environment_variable_is_an_option(site):
    assert json.loads(site.polyfn("providers", POLYFN_JSON="1").stdout)["schema"] == 1


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["pakage"], "polyfn has no command 'pakage'", "did you mean 'package'?"),
        (["xyzzy"], "polyfn has no command 'xyzzy'", "the commands are package, run, invoke"),
        (["package", "--targt", "aws"], "--targt", "see polyfn package --help"),
        (["package"], "Missing option '--target'", "see polyfn package --help"),
        (["run"], "Missing argument 'ARTIFACT|SOURCE[::FUNCTION]'", "see polyfn run --help"),
        (["run", "x.py", "--port", "high"], "'high' is not a valid integer", "see polyfn run --help"),
        (["package", "--target", "x", "--arch", "x86_64"], "--arch 'x86_64'", "polyfn calls it amd64"),
        (["package", "--target", "x", "--arch", "amd64,"], "--arch ''", "give both as --arch amd64,arm64"),
        (["explain", "PF30"], "there is no error code 'PF30' in polyfn itself", "did you mean PF30"),
    ],
)
def test_usage_errors(site, arguments, message, hint):
    done = site.polyfn(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("error[PF200]: ")
    assert message in first
    assert second.startswith("hint: ")
    assert hint in second


def test_a_usage_error_in_json(site):
    done = site.polyfn("package", "--json", "--colour")
    assert done.returncode == 2
    answer = json.loads(done.stdout)
    assert answer["schema"] == 1
    assert answer["error"]["code"] == "PF200"
    assert "--colour" in answer["error"]["message"]
    assert answer["error"]["hint"] == "see polyfn package --help"


def test_an_unknown_target_in_json(site):
    done = site.polyfn("check", "--target", "xyzzy", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "PF301"
    assert done.stderr.startswith("error[PF301]: unknown target 'xyzzy'")


DEFECT = """
    import sys
    import polyfn.toolchain.cli.providers as providers
    providers.installed = None
    from polyfn.toolchain.cli.main import main
    main({arguments})
"""


def test_a_defect_is_text_that_asks_for_a_report(site):
    done = site.python(DEFECT.format(arguments=["providers", "--json"]))
    assert done.returncode == 5
    assert json.loads(done.stdout)["error"]["code"] == "PF500"
    assert done.stderr.startswith("error[PF500]: TypeError: ")
    assert "please report it" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", [{"arguments": ["--debug", "providers"]}, {"POLYFN_DEBUG": "1"}])
def test_a_traceback_is_shown_on_request(site, how):
    arguments = how.pop("arguments", ["providers"])
    done = site.python(DEFECT.format(arguments=arguments), **how)
    assert done.returncode == 5
    assert "Traceback (most recent call last)" in done.stderr


def test_a_reader_that_goes_away_is_no_error(site):
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "polyfn", "explain"],
            env=site.environment(), stdout=write, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("arguments", ["explain", "providers --json", "providers --jsno --json"])
def test_a_full_disk_behind_stdout_is_told(site, arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "polyfn", *arguments.split()],
            env=site.environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error[PF200]: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(site, closed):
    command = f"{sys.executable} -m polyfn providers --json {closed}"
    done = subprocess.run(command, shell=True, env=site.environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colours(site, environment, coloured):
    done = site.polyfn("xyzzy", **environment)
    assert ("\x1b[" in done.stderr) is coloured
    table = site.polyfn("explain", **environment)
    assert ("\x1b[" in table.stdout) is coloured


def test_an_explanation(site):
    done = site.polyfn("explain", "pf301")
    assert done.stdout.startswith("## PF301 UnknownTargetError\n")
    assert "**Solution.**" in done.stdout
    assert "PF302" not in done.stdout


def test_digits_are_code_enough(site):
    assert site.polyfn("explain", "301").stdout.startswith("## PF301 UnknownTargetError\n")


def test_an_explanation_of_a_plugins_code_imports_nothing_of_it(site):
    source = 'raise SystemExit(\'imported\')\nclass E:\n    """The fly flew."""\n    code = \'PF377\'\n'
    site.install("polyfn-fly", {"cli_codes": source}, providers={"fly": "cli_codes"})
    done = site.polyfn("explain", "PF377")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("## PF377 E\n\nThe fly flew.\n\nThis is an error of polyfn-fly ")
    assert site.polyfn("explain", "PF378").returncode == 2


def test_all_codes(site):
    lines = site.polyfn("explain").stdout.splitlines()
    assert lines[0].split() == ["code", "meaning"]
    assert [line[:5] for line in lines[1:]] == sorted(line[:5] for line in lines[1:])
    assert any(line.startswith("PF403  A dependency has no wheel") for line in lines)
