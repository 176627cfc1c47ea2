"""docs/cli.md names every command and variable, and the keys of the JSON that programs read."""

import dataclasses
import re
from pathlib import Path

from polyfn.toolchain import installed, plugins
from polyfn.toolchain.checks import Finding
from polyfn.toolchain.cli.lazy import COMMANDS
from polyfn.toolchain.provider import Artifact, Provider
from polyfn.toolchain.report.model import ReportResult
from polyfn.toolchain.verify import Finding as VerifyFinding

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
KEYS = dict(re.findall(r"^\| `([a-z]+)` \| (`\w+`.*) \|$", PAGE, re.MULTILINE))


def test_every_command_is_there():
    assert set(re.findall(r"^\| `polyfn (\w+)", PAGE, re.MULTILINE)) == set(COMMANDS)


def test_every_variable_that_is_no_option_is_there():
    assert f"| `{installed.ALLOW}` |" in PAGE
    assert f"| `{plugins.STRICT}` |" in PAGE


def test_the_keys_are_the_fields():
    assert set(KEYS) == {"package", "invoke", "check", "providers", "report", "verify", "push"}
    for command, cls in {"package": Artifact, "check": Finding, "verify": VerifyFinding}.items():
        for field in dataclasses.fields(cls):
            assert f"`{field.name}`" in KEYS[command]
    for name in ("summary", "api", "capabilities", "platforms", "pythons", "formats"):
        assert f"`{name}`" in KEYS["providers"]
        assert name in {field.name for field in dataclasses.fields(Provider)}


def test_the_keys_of_a_report_are_the_fields():
    for name in set(ReportResult.model_fields) - {"schema_"}:
        assert f"`{name}`" in KEYS["report"]
